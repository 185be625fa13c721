"""Reading runs for the screens: each event is decoded and applied once, whoever looks and however often."""

from pathlib import Path

from sidestep_tui.config.jobs import JobName
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import RunSummary, condition, run_folders
from sidestep_tui.runs.log import EventReader
from sidestep_tui.runs.state import RunState, replay


class RunFollower:
    """One run: its state so far, brought up to date by `poll`. For one thread at a time.

    Raises:
        SidestepError: the folder is no run.
    """

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._job: JobName = run.job()
        self._created_at = run.created_at()
        self._reader = EventReader(run.events_file)
        self._state = RunState()

    def poll(self) -> RunSummary:
        """The run now, what was appended since the last call included."""
        self._state = replay(self._reader.stream(), self._state)
        return RunSummary(self._run, self._job, self._created_at, condition(self._run, self._state), self._state)


class RunCatalog:
    """All runs of this machine, followed. For one thread at a time."""

    def __init__(self) -> None:
        self._followers: dict[Path, RunFollower] = {}

    def poll(self) -> list[RunSummary]:
        """Every run that is still on disk, the newest first."""
        folders = run_folders()
        self._followers = {folder: follower for folder, follower in self._followers.items() if folder in folders}
        summaries = [follower.poll() for folder in folders if (follower := self._follower(folder))]
        return sorted(summaries, key=lambda summary: summary.created_at, reverse=True)

    def _follower(self, folder: Path) -> RunFollower | None:
        run = RunDirectory(folder)
        if not run.exists():
            self._followers.pop(folder, None)
            return None
        if folder not in self._followers:
            try:
                self._followers[folder] = RunFollower(run)
            except SidestepError:  # some other folder among the runs
                return None
        return self._followers[folder]
