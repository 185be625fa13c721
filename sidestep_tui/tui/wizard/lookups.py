"""What the wizard asks of disk, card and other processes, each in a thread; the answers go into its state."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from textual import on, work
from textual.message import Message
from textual.widget import Widget

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.machine import CardSnapshot
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.wizard.facts import DataFacts, ModelFacts, inspect_model, look_at_songs, together
from sidestep_tui.tui.wizard.measurements import figures_of_runs
from sidestep_tui.tui.wizard.models import FoundModel, find_models
from sidestep_tui.tui.wizard.state import BASE, MODEL, WizardState
from sidestep_tui.tui.wizard.views import Figures

if TYPE_CHECKING:
    from sidestep_tui.tui.app import SidestepApp

_AGAIN_SECONDS: Final = 5.0
_SEEN_BYTES: Final = 50 * 1024**2
"""A change of half the last figure that is shown."""


class Lookups(Widget):
    """Draws nothing; looks things up for a wizard's state and says when it has changed.

    Args:
        state: whose paths are looked at, and where the answers go.
    """

    DEFAULT_CSS = "Lookups { display: none; }"

    class Changed(Message):
        """The state knows more than before."""

    @dataclass
    class ModelFound(Message):
        """What the model folder is, or why it is none."""

        asked: tuple[Path, str | None]
        """The folder, and what a fine-tune in it was made from."""
        facts: ModelFacts | None
        problem: str

    @dataclass
    class ModelsFound(Message):
        """The models in the usual places."""

        models: tuple[FoundModel, ...]

    @dataclass
    class SongsFound(Message):
        """What the folder of songs or tensors holds."""

        folders: tuple[Path, ...]
        facts: DataFacts

    @dataclass
    class MachineFound(Message):
        """The cards, and what training runs took on them."""

        cards: tuple[CardSnapshot, ...]
        runs: Mapping[str, Figures]

    def __init__(self, state: WizardState) -> None:
        super().__init__()
        self._state = state
        self.models_known = asyncio.Event()
        """Set when the first search for models has ended."""
        self._model_asked: tuple[Path | None, str | None] = (None, None)
        self._songs_asked: tuple[Path, ...] = ()

    def on_mount(self) -> None:
        """Looks again and again at what others change: the cards' memory, songs that are being encoded."""
        self.set_interval(_AGAIN_SECONDS, self._look_if_shown)

    def _look_if_shown(self) -> None:
        if self.screen.is_current:
            self.look_at_cards()
            if self._state.data is not None and self._state.data.being_encoded:
                self.look_at_songs(self._songs_asked)

    @work(thread=True, exclusive=True, group="cards")
    def look_at_cards(self) -> None:
        """Answers with `MachineFound` where a card's free memory has changed by what can be seen."""
        cards, known = cast("SidestepApp", self.app).read_machine().cards, self._state.cards
        shifts = [abs(now.memory_free - then.memory_free) for now, then in zip(cards, known, strict=False)]
        if len(cards) != len(known) or max(shifts, default=0) > _SEEN_BYTES:
            self.post_message(self.MachineFound(cards, self._state.runs))

    def look_at_paths(self, *, again: bool = False) -> None:
        """Looks at the model and the songs where their folders have changed; `again` looks at the model in any case."""
        state = self._state
        if again:
            self._model_asked = (None, None)
        model = (state.path(MODEL), state.document.value(state.document.find(BASE)))
        if model != self._model_asked:
            self._model_asked = model
            state.model, state.model_problem = None, ""
            if model[0] is not None:
                self.look_at_model(*model)
        songs = state.folders()
        if songs != self._songs_asked:
            self._songs_asked = songs
            state.data = None
            if songs:
                self.look_at_songs(songs)

    @on(ModelFound)
    def _take_model(self, event: ModelFound) -> None:
        event.stop()
        if event.asked == self._model_asked:
            self._state.model, self._state.model_problem = event.facts, event.problem
            self.post_message(self.Changed())

    @on(ModelsFound)
    def _take_models(self, event: ModelsFound) -> None:
        event.stop()
        self._state.found_models = event.models
        self.models_known.set()
        self.post_message(self.Changed())

    @on(SongsFound)
    def _take_songs(self, event: SongsFound) -> None:
        event.stop()
        if event.folders == self._songs_asked and event.facts != self._state.data:
            self._state.data = event.facts
            self.post_message(self.Changed())

    @on(MachineFound)
    def _take_machine(self, event: MachineFound) -> None:
        event.stop()
        self._state.cards, self._state.runs = event.cards, event.runs
        self.post_message(self.Changed())

    @work(thread=True, exclusive=True, group="model")
    def look_at_model(self, path: Path, base: str | None) -> None:
        """Answers with `ModelFound`."""
        try:
            facts = inspect_model(path, base)
        except SidestepError as error:
            self.post_message(self.ModelFound((path, base), None, spoken(error.what)))
        else:
            self.post_message(self.ModelFound((path, base), facts, facts.incomplete))

    @work(thread=True, exclusive=True, group="models")
    def look_for_models(self) -> None:
        """Answers with `ModelsFound`; a search that failed has found none."""
        try:
            models = find_models()
        except SidestepError:
            models = ()
        self.post_message(self.ModelsFound(models))

    @work(thread=True, exclusive=True, group="songs")
    def look_at_songs(self, folders: tuple[Path, ...]) -> None:
        """Answers with `SongsFound`."""
        first, *others = map(look_at_songs, folders)
        self.post_message(self.SongsFound(folders, together(first, others)))

    @work(thread=True, exclusive=True, group="machine")
    def look_at_machine(self) -> None:
        """Answers with `MachineFound`; where the folder of the runs cannot be read, none of them has told a figure."""
        cards = cast("SidestepApp", self.app).read_machine().cards
        runs: Mapping[str, Figures] = {}
        with suppress(OSError):
            runs = figures_of_runs(cards)
        self.post_message(self.MachineFound(cards, runs))
