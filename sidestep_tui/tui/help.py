"""The help overlay: every key of the screen beneath, what the screen is for, and the keys that work everywhere."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Grid, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from sidestep_tui.texts import _
from sidestep_tui.tui.leaving import Dialog
from sidestep_tui.tui.palette import MOVING, UNTOLD
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.widgets.scroll import KeyScroll
from sidestep_tui.tui.words import word


class HelpScreen(Dialog[None]):
    """Lists the bindings that were active on `below` when the help was asked for."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,enter", "dismiss", _("Close"))]

    def __init__(self, below: Screen[object]) -> None:
        super().__init__()
        self._below = below
        self._active = list(below.active_bindings.values())

    def compose(self) -> ComposeResult:
        """A box with a scrolling list of keys."""
        heading = self._below.HEADING if isinstance(self._below, SidestepScreen) else ""
        about = self._below.ABOUT if isinstance(self._below, SidestepScreen) else ""
        here = [a for a in self._active if a.node is self._below and a.binding.action not in MOVING]
        moving = [a for a in self._active if a.node not in (self._below, self.app) or a.binding.action in MOVING]
        everywhere = [active for active in self._active if active.node is self.app]
        with Vertical(classes="dialog dialog-tall"):
            yield Static(
                Content.styled(_("Help › {heading}").format(heading=heading) if heading else _("Help"), "bold"),
                classes="dialog-title",
            )
            with KeyScroll():
                if about:
                    yield Static(Content(about), classes="help-about")
                yield from self._listing(_("On this screen"), here)
                yield from self._listing(_("Moving"), moving)
                yield from self._listing(_("Everywhere"), everywhere)
            yield Static(_("[b $footer-key-foreground]esc[/] Close    [b $footer-key-foreground]j k[/] Scroll"))

    def _listing(self, title: str, bindings: list[ActiveBinding]) -> ComposeResult:
        """One row for each action, with all of its keys; what does not fit goes on below the words, not the keys."""
        keys: dict[str, list[str]] = {}
        words: dict[str, str] = {}
        for active in bindings:
            binding = active.binding
            if binding.description and not binding.system and binding.action not in UNTOLD:
                keys.setdefault(binding.action, []).append(self.app.get_key_display(binding))
                words.setdefault(binding.action, word(binding.tooltip or binding.description))
        yield Static(Content.styled(title, "bold $primary"))
        with Grid(classes="help-keys"):
            for action, displays in keys.items():
                yield Static(Content.styled(" ".join(dict.fromkeys(displays)), "bold $footer-key-foreground"))
                yield Static(Content(words[action]))
