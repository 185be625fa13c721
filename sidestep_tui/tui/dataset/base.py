"""What the screens of a review share: edits with their errors told, undo and redo, checking, saving, leaving."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, TypeVar

from textual import events, on, work
from textual.binding import Binding, BindingType
from textual.message import Message

from sidestep_tui.config.places import expanded, is_there
from sidestep_tui.dataset import DATASET_FILE
from sidestep_tui.dataset.acestep_json import changed_since_read
from sidestep_tui.dataset.edits import Edit
from sidestep_tui.dataset.findings import check_dataset
from sidestep_tui.dataset.song import Dataset, Finding, Song
from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _, ngettext
from sidestep_tui.tui.busy import BusyScreen
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.figures import count
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.wizard.dialogs import AskScreen, Choice, PickScreen

Result = TypeVar("Result")
_KEPT: Final = _("they come back when you open the data set again")


class ReviewingScreen(SidestepScreen[Result], Generic[Result]):
    """A screen on a review that other screens share. Subclasses redraw in `show_changes`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "undo", _("Undo"), show=False, tooltip=_("Take the last edit back")),
        Binding("U,ctrl+r", "redo", _("Redo"), show=False, tooltip=_("Do the edit again that was taken back")),
        Binding("w,ctrl+s", "save", _("Save"), tooltip=_("Save; what stood there becomes .bak")),
    ]

    @dataclass
    class Checked(Message):
        """A whole check is done."""

        dataset: Dataset
        findings: list[Finding]

    def __init__(self, review: Review) -> None:
        super().__init__()
        self.review = review

    def show_changes(self) -> None:
        """Draws the review as it is now."""

    def show_song(self, song: Song) -> None:
        """Goes to a song that an undo or a redo has changed."""

    def edit(self, keys: Collection[str], changes: Mapping[str, Any]) -> bool:
        """Sets fields of songs; False after telling why that was not possible."""
        return self._try(lambda: self.review.edit(keys, changes))

    def apply_all(self, edits: Sequence[Edit]) -> bool:
        """Does edits as one step; False after telling why that was not possible."""
        return self._try(lambda: self.review.apply_all(edits))

    def _try(self, change: Callable[[], None]) -> bool:
        try:
            change()
        except SidestepError as error:
            self.sidestep.tell_error(error)
            return False
        self.after_edit()
        return True

    def after_edit(self) -> None:
        """Draws, and has everything checked where the edit was about all songs."""
        self._draw_all()
        if self.review.stale:
            next(self._reviewing()).check()  # the lowest one's: a screen that is left takes its threads' answers along

    def _reviewing(self) -> Iterator["ReviewingScreen[Any]"]:
        """The screens on the review that are open, from the lowest to the one in front."""
        return (screen for screen in self.app.screen_stack if isinstance(screen, ReviewingScreen))

    def _draw_all(self) -> None:
        """Draws what is seen of the review, whoever has changed it: labels come in while a song is looked at."""
        for screen in self._reviewing():
            if screen.in_front:
                screen.show_changes()
                screen.refresh_bindings()

    @on(events.ScreenResume)
    def _come_back(self) -> None:
        """Draws what the screens above have changed."""
        self.show_changes()
        self.refresh_bindings()

    @work(thread=True, exclusive=True, group="checks")
    def check(self) -> None:
        """Checks the whole data set."""
        dataset = self.review.dataset
        self.post_message(self.Checked(dataset, check_dataset(dataset, self.review.measures)))

    @on(Checked)
    def _take_findings(self, event: Checked) -> None:
        if not self.review.take_findings(event.dataset, event.findings):
            self.check()
            return
        self._draw_all()

    def action_undo(self) -> None:
        """Takes the last edit back, and shows where."""
        self._step(self.review.undo)

    def action_redo(self) -> None:
        """Does the last undone edit again, and shows where."""
        self._step(self.review.redo)

    def _step(self, step: Any) -> None:
        try:
            song = step()
        except SidestepError as error:
            self.sidestep.tell_error(error)
            return
        if song is not None:
            self.show_song(song)
        self.after_edit()

    @work(exclusive=True, group="save")
    async def action_save(self) -> None:
        """Saves."""
        await self.save()

    async def save(self) -> bool:
        """Saves where the data set was read from; asks where that would take another session's work away."""
        path, overwrite = None, False
        conflict = save_conflict(self.review.dataset)
        if conflict:
            choices = [
                Choice("other", _("Save under another name"), _("both versions stay")),
                Choice("overwrite", _("Replace it"), _("the other version stays as .bak")),
            ]
            choice = await self.app.push_screen_wait(PickScreen(conflict, choices))
            if choice == "other":
                note = _("a JSON file in {root}, or a whole path").format(root=self.review.dataset.root)
                name = await self.app.push_screen_wait(AskScreen(_("Save as"), "dataset-2.json", note=note))
                path = self.review.dataset.root / expanded(name) if name else None
            if choice is None or (choice == "other" and path is None):
                return False
            overwrite = choice == "overwrite"
        return await self._write(path, overwrite)

    async def _write(self, path: Path | None, overwrite: bool) -> bool:
        busy = BusyScreen(_("Saving …"))
        await self.app.push_screen(busy)
        self.review.saving = True
        try:
            saved = await asyncio.to_thread(self.review.session.save, path, overwrite=overwrite)
        except SidestepError as error:
            self.sidestep.tell_error(error)
            return False
        finally:
            self.review.saving = False
            busy.dismiss()
        self.review.saved()
        self.show_changes()
        self.refresh_bindings()
        self.sidestep.tell(_("Saved: {path}").format(path=saved.place))
        return True

    def leave_question(self) -> str | None:
        """Quitting with unsaved edits is safe; it is worth saying so."""
        if not self.review.session.has_unsaved_edits:
            return None
        return _("Quit with {unsaved}? Nothing is lost: {promise}.").format(unsaved=self._unsaved(), promise=_KEPT)

    async def may_leave(self) -> bool:
        """Asks what becomes of unsaved edits; False where the person stays."""
        if not self.review.session.has_unsaved_edits:
            return True
        choices = [
            Choice("save", _("Save, then leave")),
            Choice("leave", _("Leave without saving"), _("they come back when you open it")),
            Choice("stay", _("Stay")),
        ]
        choice = await self.app.push_screen_wait(PickScreen(self._unsaved(), choices))
        return await self.save() if choice == "save" else choice == "leave"

    def _unsaved(self) -> str:
        edits = self.review.session.edits
        return ngettext("{count} unsaved edit", "{count} unsaved edits", edits).format(count=count(edits))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys appear only where they would do something."""
        session = self.review.session
        match action:
            case "undo":
                return session.can_undo
            case "redo":
                return session.can_redo
            case _:
                return super().check_action(action, parameters)


def save_conflict(dataset: Dataset) -> str | None:
    """Why saving would take something away that this session has not read; None where it would not."""
    if dataset.saved is None:
        beside = dataset.root / DATASET_FILE
        text = _("The folder holds another {name} already")
        return text.format(name=DATASET_FILE) if is_there(beside) else None
    if is_there(dataset.saved.path) and changed_since_read(dataset):
        return _("Another session has saved this data set since you opened it")
    return None
