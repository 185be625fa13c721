"""The top line (where you are) and the key line (what you can do): one cheap widget each."""

from rich.cells import cell_len
from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.screen import Screen
from textual.style import Style
from textual.widget import Widget

from sidestep_tui.texts import _
from sidestep_tui.tui.text import clean, shorten_middle

_WAYS_OUT = ("back", "quit")


class TopBar(Widget):
    """`Side-Step › Heading` at the left, the screen's context at the right."""

    context = reactive("")

    def __init__(self, heading: str) -> None:
        super().__init__()
        self._heading = heading

    def render(self) -> RenderResult:
        """One line, the context shortened to what is left of the width."""
        title = "Side-Step" + (f" › {self._heading}" if self._heading else "")
        context = shorten_middle(clean(self.context), max(0, self.size.width - cell_len(title) - 3))
        return Content.assemble((title, "bold $primary"), "   ", (context, "$text-muted"))


class KeyBar(Widget):
    """The keys of the active bindings with `show=True`, as many as fit; `? Help` is always there."""

    auto_links = False  # a click works, an underline under every word would only be noise

    def on_mount(self) -> None:
        """Draws again when the screen's bindings change."""
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, _screen: Screen[object]) -> None:
        self.refresh()

    def render(self) -> RenderResult:
        """One line; keys that do not fit are left to the help."""
        shown: dict[str, tuple[str, str, str]] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.show and active.enabled and binding.action != "help":
                shown.setdefault(binding.action, (binding.key, self.app.get_key_display(binding), binding.description))
        ordered = sorted(shown, key=lambda action: action in _WAYS_OUT)
        help_entry = self._entry("question_mark", "?", _("Help"))
        line = Content("")
        for action in ordered:
            entry = self._entry(*shown[action]) + Content("  ")
            if line.cell_length + entry.cell_length + help_entry.cell_length <= self.size.width:
                line += entry
        return line + help_entry

    @staticmethod
    def _entry(key: str, display: str, description: str) -> Content:
        click = Style.from_meta({"@click": f"app.simulate_key({key!r})"})
        entry = Content.assemble((display, "bold $footer-key-foreground"), " ", (description, "$text-muted"))
        return entry.stylize(click)
