"""Small dialogs: pick one of a list, type one line, choose a folder."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import DirectoryTree, Input, Static
from textual.widgets.option_list import Option

from sidestep_tui.config.places import is_folder
from sidestep_tui.texts import _
from sidestep_tui.tui.leaving import Dialog
from sidestep_tui.tui.text import clean, literal, pad, shorten
from sidestep_tui.tui.widgets.lists import KeyList

_LIST_WIDTH, _LIST_HEIGHT, _SHORTEST_NOTE = 60, 14, 8
_BESIDE_LIST: Final = 8
"""Cells of a dialog's line that its list has not: borders, padding, a scrollbar."""

_ABOVE_LIST: Final = 6
"""Lines of a dialog that its list has not: borders, padding, the title with a gap."""

_SEARCH_LINES: Final = 2


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a list: what is given back, its name and a note beside it."""

    key: str
    name: str
    note: str = ""

    def line(self, width: int, room: int) -> Content:
        """The entry in at most `room` cells, names in a column of `width`; a note that has no room is left out."""
        for_note = room - width - 2
        note = shorten(clean(self.note), for_note) if for_note >= _SHORTEST_NOTE else ""
        name = pad(clean(self.name), width) if note else shorten(clean(self.name), room)
        return Content.assemble((name, "bold"), "  " if note else "", (note, "$text-muted"))


class PickScreen(Dialog[str | None]):
    """Picks one entry of a list.

    Args:
        title: what is picked.
        choices: the entries; or those for a search text, asked for again while the user types it into a line.
        current: the key of the entry that is marked first.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", _("Back")),
        Binding("down", "move(1)", _("Down"), show=False),
        Binding("up", "move(-1)", _("Up"), show=False),
    ]
    DEFAULT_CSS = """
    PickScreen OptionList, PickScreen OptionList:focus {
        height: auto; background: $surface; border: none; padding: 0;
    }
    PickScreen OptionList > .option-list--option-highlighted,
    PickScreen OptionList:focus > .option-list--option-highlighted {
        background: $panel-lighten-2; color: $foreground;
    }
    PickScreen Input { margin-bottom: 1; }
    """

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice] | Callable[[str], Sequence[Choice]],
        *,
        current: str | None = None,
    ) -> None:
        super().__init__()
        self._title = title
        self._choices = choices
        self._current = current
        self._searchable = callable(choices)

    def compose(self) -> ComposeResult:
        """The title, perhaps a search line, the list."""
        with Vertical(classes="dialog"):
            yield Static(literal(self._title, "bold"), classes="dialog-title")
            if self._searchable:
                yield Input(placeholder=_("type to search"), compact=True)
            yield KeyList()

    def on_mount(self) -> None:
        """Fills the list and puts the cursor where it belongs."""
        self._fill("")
        if not self._searchable:
            self.query_one(KeyList).focus()

    def on_resize(self, event: events.Resize) -> None:
        """The list takes what the terminal leaves it, so that the cursor stays in sight."""
        tall = event.size.height * 9 // 10 - _ABOVE_LIST - (_SEARCH_LINES if self._searchable else 0)
        listing = self.query_one(KeyList)
        listing.styles.max_height = max(1, min(_LIST_HEIGHT, tall))
        at = listing.highlighted
        self._fill(self.query_one(Input).value if self._searchable else "")
        listing.highlighted = at

    def _fill(self, text: str) -> None:
        choices = self._choices(text) if callable(self._choices) else self._choices
        room = min(_LIST_WIDTH, self.size.width * 94 // 100 - _BESIDE_LIST)
        width = max((cell_len(clean(choice.name)) for choice in choices), default=0)
        listing = self.query_one(KeyList)
        listing.clear_options()
        listing.add_options(Option(choice.line(width, room), id=choice.key) for choice in choices)
        keys = [choice.key for choice in choices]
        listing.highlighted = keys.index(self._current) if self._current in keys else 0 if keys else None

    @on(Input.Changed)
    def _search(self, event: Input.Changed) -> None:
        self._fill(event.value)

    @on(Input.Submitted)
    def _take_marked(self) -> None:
        self.query_one(KeyList).action_select()

    @on(KeyList.OptionSelected)
    def _take(self, event: KeyList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_move(self, by: int) -> None:
        """Moves the mark while the search line has the focus."""
        listing = self.query_one(KeyList)
        if by > 0:
            listing.action_cursor_down()
        else:
            listing.action_cursor_up()


_ASK_KEYS: Final = _("[b $footer-key-foreground]enter[/] Take it    [b $footer-key-foreground]esc[/] Go back")


class AskScreen(Dialog[str | None]):
    """Asks for one line of text.

    Args:
        title: what is asked for.
        value: what stands there first.
        check: says what is wrong with a text, or None.
        note: a line of explanation.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", _("Back"))]
    DEFAULT_CSS = """
    AskScreen Input { margin-bottom: 1; }
    AskScreen .problem { height: auto; }
    """

    def __init__(
        self, title: str, value: str = "", *, check: Callable[[str], str | None] | None = None, note: str = ""
    ) -> None:
        super().__init__()
        self._title = title
        self._value = value
        self._check = check or (lambda _text: None)
        self._note = note

    def compose(self) -> ComposeResult:
        """The title, the line, and its keys or what is wrong with it."""
        with Vertical(classes="dialog"):
            yield Static(literal(self._title, "bold"), classes="dialog-title")
            yield Input(self._value, compact=True)
            if self._note:
                yield Static(literal(self._note), classes="dialog-line")
            yield Static(_ASK_KEYS, classes="problem")

    @on(Input.Changed)
    def _look(self, event: Input.Changed) -> None:
        self._tell(self._check(event.value) if event.value else None)

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        if problem := self._check(event.value):
            self._tell(problem)
        else:
            self.dismiss(event.value)

    def _tell(self, problem: str | None) -> None:
        self.query_one(".problem", Static).update(literal(f"! {problem}", "$text-error") if problem else _ASK_KEYS)


class FolderTree(DirectoryTree):
    """Folders alone, hidden ones left out; the vim keys beside the arrows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", _("Down"), show=False),
        Binding("k", "cursor_up", _("Up"), show=False),
        Binding("g", "scroll_home", _("To the top"), show=False),
        Binding("G", "scroll_end", _("To the end"), show=False),
        Binding("ctrl+d", "page_down", _("Page down"), show=False),
        Binding("ctrl+u", "page_up", _("Page up"), show=False),
    ]

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        """What the tree shows."""
        return [path for path in paths if path.is_dir() and not path.name.startswith(".")]


class BrowseScreen(Dialog[Path | None]):
    """Chooses a folder. Enter opens and closes, `s` takes the one under the cursor, backspace goes up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "take", _("Take this folder")),
        Binding("backspace", "up", _("Folder above")),
        Binding("escape,q", "dismiss(None)", _("Back")),
    ]
    DEFAULT_CSS = """
    BrowseScreen .dialog { width: 76; height: 20; }
    BrowseScreen FolderTree { height: 1fr; background: $surface; }
    """

    def __init__(self, start: Path) -> None:
        super().__init__()
        self._start = next(folder for folder in (start.absolute(), *start.absolute().parents) if is_folder(folder))

    def compose(self) -> ComposeResult:
        """The tree and its keys."""
        with Vertical(classes="dialog"):
            yield FolderTree(self._start)
            yield Static(
                _(
                    "[b $footer-key-foreground]enter[/] open  [b $footer-key-foreground]s[/] take this folder  "
                    "[b $footer-key-foreground]backspace[/] folder above"
                )
            )

    def action_take(self) -> None:
        """Closes with the folder under the cursor."""
        node = self.query_one(FolderTree).cursor_node
        if node is not None and node.data is not None:
            self.dismiss(node.data.path)

    def action_up(self) -> None:
        """Shows the folder above."""
        tree = self.query_one(FolderTree)
        tree.path = Path(tree.path).parent
