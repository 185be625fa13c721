"""Other runs drawn over the one that is watched: each with its own colour, letter and smoothed curves."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.curves import Curves
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import run_folders
from sidestep_tui.tui.chart.curve import Curve
from sidestep_tui.tui.follow import RunFollower
from sidestep_tui.tui.monitor.columns import StepColumns
from sidestep_tui.tui.text import clean, shorten

_LOOKS: Final = (("a", "success"), ("b", "error"), ("c", "accent"), ("d", "warning"))
_LONGEST_NAME: Final = 16


@dataclass(slots=True)
class _Overlay:
    """One run and what was read of it."""

    run: RunDirectory
    letter: str
    colour: str
    follower: RunFollower
    read: Curves = field(default_factory=Curves)
    columns: StepColumns = field(default_factory=StepColumns)


class Overlays:
    """The chosen runs. `poll` is for a thread and leaves what it has read; `curves` is for the screen."""

    def __init__(self) -> None:
        self._shown: tuple[_Overlay, ...] = ()

    def letter(self, run: RunDirectory) -> str | None:
        """The letter that marks a run's curves, if it is drawn."""
        return next((shown.letter for shown in self._shown if shown.run == run), None)

    def toggle(self, run: RunDirectory) -> bool:
        """Draws a run, or takes it away; False where as many as can be told apart are drawn already.

        Raises:
            SidestepError, OSError: the run is gone.
        """
        if self.letter(run) is not None:
            self._shown = tuple(shown for shown in self._shown if shown.run != run)
            return True
        taken = {shown.letter for shown in self._shown}
        free = next((look for look in _LOOKS if look[0] not in taken), None)
        if free is None:
            return False
        self._shown = (*self._shown, _Overlay(run, *free, RunFollower(run)))
        return True

    def poll(self) -> bool:
        """Reads what is new of the chosen runs; whether anything was. What cannot be read now stays as it was."""
        changed = False
        for shown in self._shown:
            before = shown.read
            with suppress(OSError):
                shown.read = shown.follower.poll().state.curves
            changed = changed or shown.read is not before
        return changed

    def curves(self, column: str) -> list[Curve]:
        """The curve of one column for each chosen run; none where the column has no name."""
        found = []
        for shown in self._shown if column else ():
            shown.columns.extend(shown.read)
            x, y = shown.columns.get("step"), shown.columns.get(column)
            name = shorten(clean(shown.run.name), _LONGEST_NAME)
            found.append(Curve(name, shown.colour, x, y, shown.letter, sparse=True))
        return found


def runs_to_overlay(watched: RunDirectory) -> list[RunDirectory]:
    """The other training runs of this machine, the newest first."""
    found = []
    with suppress(OSError):  # where the folder of the runs cannot be read nobody knows of another
        for run in map(RunDirectory, run_folders()):
            with suppress(SidestepError):  # some other folder among the runs
                if run != watched and run.job() == "train":
                    found.append((run.created_at(), run))
    return [run for _, run in sorted(found, key=lambda pair: -pair[0])]
