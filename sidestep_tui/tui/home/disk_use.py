"""What each run holds on disk, measured anew only where something was written: a long list has many thousand files."""

from collections.abc import Callable, Sequence

from sidestep_tui.runs.history import RunSummary
from sidestep_tui.runs.removal import disk_used


class DiskUse:
    """Bytes by the run's path. For one thread at a time."""

    def __init__(self) -> None:
        self._held: dict[str, int] = {}
        self._seen: dict[str, tuple[str, int, int]] = {}

    def measure(self, runs: Sequence[RunSummary], is_cancelled: Callable[[], bool] = lambda: False) -> dict[str, int]:
        """The runs' bytes now; what cannot be read, for instance because it goes at this moment, is left out.

        Once it is cancelled, for instance because somebody quits, the runs that are left wait for the next call.
        """
        for run in runs:
            if is_cancelled():
                break
            path = str(run.run.path)
            written = (run.condition, len(run.state.checkpoints), len(run.state.samples))
            if self._seen.get(path) != written:
                try:
                    self._held[path] = disk_used(run.run)
                except OSError:
                    continue
                self._seen[path] = written
        return {path: self._held[path] for run in runs if (path := str(run.run.path)) in self._held}
