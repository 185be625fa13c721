"""The top line (where you are) and the key line (what you can do): one cheap widget each."""

from rich.cells import cell_len
from textual.app import RenderResult
from textual.content import Content
from textual.keys import REPLACED_KEYS, key_to_character
from textual.reactive import reactive
from textual.screen import Screen
from textual.style import Style
from textual.widget import Widget

from sidestep_tui.tui.text import clean, shorten_middle

_WAYS_OUT = ("back", "quit")
_HELP = "help"
_GAP = 2


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
    """The keys of the active bindings with `show=True`, as many as fit; the way out and the help are always there."""

    auto_links = False  # a click works, an underline under every word would only be noise

    def on_mount(self) -> None:
        """Draws again when the screen's bindings change."""
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, _screen: Screen[object]) -> None:
        self.refresh()

    def render(self) -> RenderResult:
        """One line; keys that do not fit are left to the help."""
        entries = self._entries()
        ways_out = [action for action in _WAYS_OUT if action in entries]
        others = [action for action in entries if action not in (*_WAYS_OUT, _HELP)]
        kept = {action for action in (*ways_out[:1], _HELP) if action in entries}  # none while the focus goes away
        room = self.size.width - sum(entries[action].cell_length + _GAP for action in kept) + _GAP
        for action in (*others, *ways_out[1:]):
            needed = entries[action].cell_length + _GAP
            if needed <= room:
                room -= needed
                kept.add(action)
        ordered = (*others, *ways_out, _HELP)
        return Content(" " * _GAP).join(entries[action] for action in ordered if action in kept)

    def _entries(self) -> dict[str, Content]:
        """What is said of each action. A key that is text where the focus is (`?` in an input) is not active there."""
        entries: dict[str, Content] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            shown = active.enabled and (binding.show or binding.action == _HELP)
            if shown and binding.action not in entries and not self._is_text(binding.key):
                display = self.app.get_key_display(binding)
                entries[binding.action] = self._entry(binding.key, display, binding.description)
        return entries

    def _is_text(self, key: str) -> bool:
        """Whether a key types its character where the focus is: Textual knows `?` for one, but not by its name `/`."""
        focused, name = self.screen.focused, REPLACED_KEYS.get(key)
        return focused is not None and name is not None and focused.check_consume_key(key, key_to_character(name))

    @staticmethod
    def _entry(key: str, display: str, description: str) -> Content:
        click = Style.from_meta({"@click": f"app.simulate_key({key!r})"})
        entry = Content.assemble((display, "bold $footer-key-foreground"), " ", (description, "$text-muted"))
        return entry.stylize(click)
