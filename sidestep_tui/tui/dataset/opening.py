"""Opening a data set: which one, the progress of reading it, and why it could not be read."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static
from textual.widgets.option_list import Option

from sidestep_tui.config.places import expanded, is_folder, is_there
from sidestep_tui.dataset import DATASET_FILE
from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _
from sidestep_tui.tui.dataset.opening_words import reading, refusal
from sidestep_tui.tui.dataset.reader import Reader
from sidestep_tui.tui.dataset.recent import recent_datasets, remember_dataset
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.text import clean, shorten_middle
from sidestep_tui.tui.widgets.lists import KeyList
from sidestep_tui.tui.wizard.dialogs import Choice, PickScreen
from sidestep_tui.tui.wizard.paths import FolderSuggester, complete_folder

if TYPE_CHECKING:
    from sidestep_tui.dataset.session import EditSession

_INTRODUCTION: Final = _("""\
[b]Which songs?[/b]

Type the folder that holds the audio files, or a saved data set (a JSON file).
Lyrics, captions, tables and tags that lie beside the songs are read with them.\
""")
_BESIDE_PATH: Final = 5
"""Cells of a line that a path in the list has not: padding, and a scrollbar."""


class OpenDatasetScreen(SidestepScreen[None]):
    """Takes the way to the review of a data set.

    Args:
        path: the folder or JSON file; asked for where it is not given.
    """

    HEADING = _("Data set")
    ABOUT = _("Nothing is written into your folder until you save, but for a small journal of unsaved edits.")
    VERTICAL_BREAKPOINTS = [(0, "-short"), (24, "-tall")]  # noqa: RUF012 - Textual declares it as an instance's
    AUTO_FOCUS = ""  # else the line for a path has the keys, unseen, while a path that was given is read
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "choose", _("Another"), tooltip=_("Choose another folder or file")),
        Binding(
            "tab",
            "complete",
            _("Complete"),
            show=False,
            priority=True,
            tooltip=_("Take the completion of a folder's name"),
        ),
        Binding("r", "again", _("Try again"), tooltip=_("Read it again")),
        Binding(  # of priority: the line has a key of this name, which would scroll it
            "down",
            "to_recent",
            _("Opened before"),
            priority=True,
            tooltip=_("Choose among the data sets opened before"),
        ),
    ]
    DEFAULT_CSS = """
    OpenDatasetScreen #choose { padding: 1 2; }
    OpenDatasetScreen #choose Static { height: auto; margin-bottom: 1; }
    OpenDatasetScreen.-short #introduction { display: none; }
    OpenDatasetScreen Input { margin-bottom: 1; }
    OpenDatasetScreen OptionList, OpenDatasetScreen OptionList:focus {
        border: none; background: $background; padding: 0; scrollbar-size-vertical: 1;
    }
    OpenDatasetScreen #stage { padding: 1 2; }
    """

    def __init__(self, path: Path | None = None) -> None:
        super().__init__()
        self._path = path
        self._stage: Literal["choose", "reading", "failed"] = "choose"
        self._progress = (0, 0)
        self._session: EditSession | None = None
        self._recent: list[Path] = []

    def compose_body(self) -> ComposeResult:
        """The question, and the line that takes its place."""
        with Vertical(id="choose"):
            yield Static(_INTRODUCTION, id="introduction")
            yield Input(placeholder="~/music/my-album", compact=True, suggester=FolderSuggester())
            yield Static(_("[b]Opened before[/b]"), id="before")
            yield KeyList()
        yield Static(id="stage")
        yield Reader()

    def on_mount(self) -> None:
        """Reads at once where a path was given."""
        if self._path is None:
            self.action_choose()
        else:
            self.begin(self._path)

    def action_choose(self) -> None:
        """Asks for a path."""
        self._show("choose")
        self._recent = recent_datasets()
        self._list_recent()
        self.query_one(KeyList).highlighted = 0 if self._recent else None
        self.query_one(Input).focus()

    def on_resize(self) -> None:
        """The paths take what the width leaves."""
        highlighted = self.query_one(KeyList).highlighted
        self._list_recent()
        self.query_one(KeyList).highlighted = highlighted

    def _list_recent(self) -> None:
        listing, room = self.query_one(KeyList), self.size.width - _BESIDE_PATH
        listing.clear_options()
        listing.add_options(
            Option(Content(shorten_middle(clean(str(path)), room)), id=str(path)) for path in self._recent
        )
        listing.display = self.query_one("#before").display = bool(self._recent)

    def action_again(self) -> None:
        """Reads the same path again."""
        if self._path is not None:
            self.begin(self._path)

    def action_to_recent(self) -> None:
        """From the line to the list below it."""
        self.query_one(KeyList).focus()

    async def action_complete(self) -> None:
        """Completes the folder's name, as a shell does; where no folder begins so, on to the list below."""
        line = self.query_one(Input)
        completed = await asyncio.to_thread(complete_folder, line.value)
        if completed is None:
            self.focus_next()
        else:
            line.value, line.cursor_position = completed, len(completed)

    @on(Input.Submitted)
    def _typed(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self.begin(expanded(event.value.strip()))

    @on(KeyList.OptionSelected)
    def _picked(self, event: KeyList.OptionSelected) -> None:
        self.begin(Path(str(event.option.id)))

    @work(exclusive=True, group="begin")
    async def begin(self, path: Path) -> None:
        """Reads a data set; asks first where a folder holds a saved one as well."""
        if is_folder(path) and is_there(path / DATASET_FILE):
            choices = [
                Choice(
                    "saved",
                    _("Open the saved data set"),
                    _("edits and review as they were saved"),
                ),
                Choice("scan", _("Scan the folder again"), _("finds new songs, without the edits")),
            ]
            choice = await self.app.push_screen_wait(PickScreen(_("The folder holds a saved data set"), choices))
            if choice is None:
                self.action_choose()
                return
            path = path / DATASET_FILE if choice == "saved" else path
        self._path, self._progress = path, (0, 0)
        self.set_context(str(path))
        self._show("reading")
        self.query_one(Reader).read(path)

    @on(Reader.Progressed)
    def _count(self, event: Reader.Progressed) -> None:
        self._progress = (event.done, event.total)
        if self._stage == "reading":
            self._show("reading")

    @on(Reader.Read)
    def _take(self, event: Reader.Read) -> None:
        if self._stage == "reading" and self.in_front:  # not left, and no other path was given in the meantime
            self._session = event.session
            self._open()

    @on(events.ScreenResume)
    def _open(self) -> None:
        """Opens the review; above a dialog (the help) it would be that dialog's, so it waits for its end."""
        if self._session is None or self.app.screen is not self:
            return
        from sidestep_tui.tui.dataset.review import Review
        from sidestep_tui.tui.dataset.screen import ReviewScreen

        session, self._session = self._session, None
        try:
            remember_dataset(self._path or session.dataset.root)
        except SidestepError as error:
            self.sidestep.tell_error(error)
        # Whoever leaves the review leaves this screen as well: it has nothing more to say.
        self.app.push_screen(ReviewScreen(Review(session)), lambda _: self.action_back())

    @on(Reader.Refused)
    def _refuse(self, event: Reader.Refused) -> None:
        if self._stage == "reading":
            self._show("failed", event.error)

    def _show(self, stage: Literal["choose", "reading", "failed"], error: SidestepError | None = None) -> None:
        self._stage = stage
        self.query_one("#choose").display = stage == "choose"
        line = self.query_one("#stage", Static)
        line.display = stage != "choose"
        if stage == "reading":
            line.update(reading(*self._progress, width=min(60, self.size.width - 8)))
        elif error is not None:
            line.update(refusal(error))
        if stage != "choose":
            self.set_focus(None)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """Another choice and another try make sense only after a failure, the rest only in the line for a path."""
        if action in ("to_recent", "complete"):
            typing = self._stage == "choose" and isinstance(self.focused, Input)
            return typing and (action == "complete" or self.query_one(KeyList).display)
        return self._stage == "failed" if action in ("choose", "again") else True
