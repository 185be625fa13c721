"""What the wizard asks of disk, card and other processes, each in a thread, answered by a message."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual import work
from textual.message import Message
from textual.widget import Widget

from sidestep_tui.errors import SidestepError
from sidestep_tui.tui.wizard.facts import DataFacts, ModelFacts, inspect_model, look_at_songs
from sidestep_tui.tui.wizard.review import Pace

if TYPE_CHECKING:
    from sidestep_tui.tui.app import SidestepApp


class Lookups(Widget):
    """Draws nothing; looks things up and posts what it found to the screen that holds it."""

    DEFAULT_CSS = "Lookups { display: none; }"

    @dataclass
    class ModelFound(Message):
        """What the model folder is, or why it is none."""

        path: Path
        facts: ModelFacts | None
        problem: str

    @dataclass
    class SongsFound(Message):
        """What the folder of songs or tensors holds."""

        path: Path
        facts: DataFacts

    @dataclass
    class MachineFound(Message):
        """Free memory of each card, and how fast the newest training run was."""

        free: tuple[int, ...]
        pace: Pace | None

    @work(thread=True, exclusive=True, group="model")
    def look_at_model(self, path: Path, base: str | None) -> None:
        """Answers with `ModelFound`."""
        try:
            facts = inspect_model(path, base)
        except SidestepError as error:
            self.post_message(self.ModelFound(path, None, error.what))
        else:
            self.post_message(self.ModelFound(path, facts, facts.incomplete))

    @work(thread=True, exclusive=True, group="songs")
    def look_at_songs(self, path: Path) -> None:
        """Answers with `SongsFound`."""
        self.post_message(self.SongsFound(path, look_at_songs(path)))

    @work(thread=True, exclusive=True, group="machine")
    def look_at_machine(self) -> None:
        """Answers with `MachineFound`."""
        cards = cast("SidestepApp", self.app).read_machine().cards
        self.post_message(self.MachineFound(tuple(card.memory_free for card in cards), earlier_pace()))


def earlier_pace() -> Pace | None:
    """How fast the newest training run with steps was; None where there is none."""
    from sidestep_tui.runs.history import list_runs

    for summary in list_runs():
        seconds = summary.state.recent_seconds_per_step() if summary.job == "train" else None
        if seconds:
            return Pace(seconds, summary.run.name)
    return None
