"""The part of the review that starts labelling, follows it, and takes what it finds into the session."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType

from sidestep_tui.config.label import LabelSettings, LabelSource
from sidestep_tui.config.places import expanded, is_folder
from sidestep_tui.dataset.proposals import still_missing
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.control import send_command
from sidestep_tui.runs.state import RunState
from sidestep_tui.texts import _, ngettext
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.dataset.base import ReviewingScreen
from sidestep_tui.tui.dataset.label_line import LabelLine
from sidestep_tui.tui.dataset.labelling import (
    FIELDS_OF,
    SOURCES,
    TITLES,
    LabelRun,
    make_run,
    model_questions,
    prepare,
    source_note,
)
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.figures import count
from sidestep_tui.tui.routes import make_screen
from sidestep_tui.tui.starting import start_engine
from sidestep_tui.tui.wizard.dialogs import AskScreen, Choice, PickScreen

_EVERYTHING = "everything"


class LabellingScreen(ReviewingScreen[None]):
    """A review with a `LabelLine`. The engine outlives the terminal; what it finds waits until somebody takes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("L", "labelling", _("Labelling"), show=False, tooltip=_("Stop the labelling, or look at its run")),
    ]

    def __init__(self, review: Review) -> None:
        super().__init__(review)
        self._filled: Counter[Path] = Counter()
        """By run: how many songs got something while this screen was there."""

    @work(exclusive=True, group="dialog")
    async def action_label(self) -> None:
        """Asks who fills in what for which songs, and starts."""
        settings = await self._settings()
        if settings is not None:
            self._start_labelling(settings)

    @work(group="starts")
    async def _start_labelling(self, settings: LabelSettings) -> None:
        """Takes seconds, in which another dialog may be opened: that ends the worker of the one before."""
        try:
            run = await asyncio.to_thread(make_run, settings)
        except SidestepError as error:
            self.sidestep.tell_error(error)
            return
        if await asyncio.to_thread(start_engine, self.sidestep, run):
            self.query_one(LabelLine).follow(LabelRun(run))

    async def _settings(self) -> LabelSettings | None:
        """The answers; None where somebody left."""
        listed = [Choice(source, TITLES[source], source_note(source)) for source in SOURCES]
        picked = await self.app.push_screen_wait(PickScreen(_("Who fills in what is missing"), listed))
        source = next((one for one in SOURCES if one == picked), None)
        fields = await self._fields(source) if source else None
        if source is None or fields is None:
            return None
        keys = list(self.review.songs)
        if self.review.marked:
            marked = [key for key in keys if key in self.review.marked]
            told = ngettext("The marked song", "The {marked} marked songs", len(marked))
            scopes = [
                Choice("marked", told.format(marked=count(len(marked)))),
                Choice("all", _("All songs")),
            ]
            scope = await self.app.push_screen_wait(PickScreen(_("Which songs"), scopes))
            if scope is None:
                return None
            keys = marked if scope == "marked" else keys
        settings = prepare(self.review.dataset, source, fields, keys)
        return await self._with_models(settings) if source in ("acestep", "local") else settings

    async def _fields(self, source: LabelSource) -> tuple[str, ...] | None:
        known = FIELDS_OF[source]
        if len(known) == 1:
            return known
        choices = [Choice(_EVERYTHING, _("Everything missing"), ", ".join(known)), *(Choice(one, one) for one in known)]
        picked = await self.app.push_screen_wait(PickScreen(_("What to fill in"), choices))
        return None if picked is None else () if picked == _EVERYTHING else (picked,)

    async def _with_models(self, settings: LabelSettings) -> LabelSettings | None:
        """Asks for the folders of the models that the fields need."""
        given: dict[str, Path] = {}
        for question in model_questions(settings):
            ask = AskScreen(question.title, question.usual, check=folder_problem, note=question.note)
            text = await self.app.push_screen_wait(ask)
            if text is None:
                return None
            given |= {question.setting: expanded(text).absolute()} if text.strip() else {}
        return LabelSettings.model_validate(settings.model_dump() | given)

    @work(exclusive=True, group="dialog")
    async def action_labelling(self) -> None:
        """Stops the run or opens its monitor."""
        line = self.query_one(LabelLine)
        if line.summary is None:
            return
        choices = [Choice("look", _("Look at the run"), _("each song, each failure"))]
        if line.running is not None:
            choices.insert(0, Choice("stop", _("Stop it"), _("what was found stays")))
        choice = await self.app.push_screen_wait(PickScreen(line.summary.run.name, choices))
        if choice == "look":
            self.app.push_screen(make_screen("monitor", run=line.summary.run))
        elif choice == "stop":
            try:
                send_command(line.summary.run, "stop")
            except SidestepError as error:
                self.sidestep.tell_error(error)

    @on(LabelLine.Found)
    def _hear(self, found: LabelLine.Found) -> None:
        """Takes what was found. While a save is written, an edit would be neither in it nor in what comes after it."""
        line = self.query_one(LabelLine)
        if self.review.saving:
            line.answer(found, "later")
            return
        line.answer(found, "taken" if self._take(found) else "refused")
        if found.is_last:
            self.review.measures.refresh()
            self.check()
            self._tell_end(found.summary.state, self._filled.pop(found.run.run.path, 0))

    def _take(self, found: LabelLine.Found) -> bool:
        """What nobody has said meanwhile becomes edits, in the journal before the run forgets them; False if not."""
        if not found.edits:
            return True
        fitting = still_missing(self.review.dataset, found.edits)
        if fitting and not self.apply_all(fitting):
            return False
        self._filled[found.run.run.path] += len(fitting)
        try:
            found.run.take(len(found.edits))
        except SidestepError as error:
            self.sidestep.tell_error(error)
            return False
        return True

    def _tell_end(self, state: RunState, filled: int) -> None:
        """Says how a run ended, and names the key that undoes only where there is something to undo."""
        if state.failure is not None:
            words = _("Labelling has failed: {what} L leads to its run.").format(what=spoken(state.failure.what))
            self.sidestep.tell(words, "error")
        elif filled:
            words = ngettext(
                "Labelling has ended: {count} song got something. u takes back.",
                "Labelling has ended: {count} songs got something. u takes back.",
                filled,
            )
            self.sidestep.tell(words.format(count=count(filled)))
        else:
            self.sidestep.tell(_("Labelling has ended: no song got anything."))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Labelling needs songs; looking at it a run."""
        if action == "label":
            return bool(self.review.songs)
        if action == "labelling":
            return self.is_mounted and self.query_one(LabelLine).summary is not None
        return super().check_action(action, parameters)


def folder_problem(text: str) -> str | None:
    """Why a text cannot be a folder; one that says nothing leaves it out."""
    return None if not text.strip() or is_folder(expanded(text)) else _("there is no such folder")
