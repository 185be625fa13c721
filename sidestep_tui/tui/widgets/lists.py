"""A list of options with the vim keys beside the arrows."""

from typing import ClassVar

from rich.style import Style
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widgets import OptionList

from sidestep_tui.texts import _


class KeyList(OptionList):
    """Moves by keys; enter takes the option under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", _("Down"), show=False),
        Binding("k", "cursor_up", _("Up"), show=False),
        Binding("g", "first", _("First row"), show=False),
        Binding("G", "last", _("Last row"), show=False),
        Binding("ctrl+d", "page_down", _("Page down"), show=False),
        Binding("ctrl+u", "page_up", _("Page up"), show=False),
    ]

    def render_line(self, y: int) -> Strip:
        """One line; in reverse at the cursor where the shade behind it is lost, which Textual's styles cannot say."""
        strip = super().render_line(y)
        if not self.app.has_class("-few-colours"):
            return strip
        chosen = any(part.style and part.style.meta.get("option") == self.highlighted for part in strip)
        return strip.apply_style(Style(reverse=True)) if chosen else strip
