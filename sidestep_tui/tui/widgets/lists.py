"""A list of options with the vim keys beside the arrows."""

from typing import ClassVar

from textual.binding import Binding, BindingType
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
