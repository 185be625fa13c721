"""A scrolling region with the vim keys beside the arrows."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from sidestep_tui.texts import _


class KeyScroll(VerticalScroll):
    """Scrolls by keys; takes the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", _("Scroll down"), show=False),
        Binding("k", "scroll_up", _("Scroll up"), show=False),
        Binding("g", "scroll_home", _("To the top"), show=False),
        Binding("G", "scroll_end", _("To the end"), show=False),
        Binding("ctrl+d", "page_down", _("Page down"), show=False),
        Binding("ctrl+u", "page_up", _("Page up"), show=False),
    ]
