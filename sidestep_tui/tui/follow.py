"""Reading runs for the screens: each event is decoded and applied once, whoever looks and however often."""

from pathlib import Path

from sidestep_tui.config.jobs import JobName
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import RunSummary, condition, is_stop_asked, run_folders
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
        self._made = _version(run)
        self._reader = EventReader(run.events_file)
        self._state = RunState()

    def is_replaced(self) -> bool:
        """Whether the run was deleted and another of the same name made since: its log is not the one read so far."""
        return _version(self._run) != self._made

    def poll(self) -> RunSummary:
        """The run now, what was appended since the last call included.

        Raises:
            OSError: its log cannot be read, now; the next call begins anew.
        """
        try:
            self._state = replay(self._reader.stream(), self._state)
        except OSError:
            self._reader, self._state = EventReader(self._run.events_file), RunState()
            raise
        now = condition(self._run, self._state)
        asked = is_stop_asked(self._run, self._state)
        return RunSummary(self._run, self._job, self._created_at, now, self._state, self._reader.unknown, asked)


def _version(run: RunDirectory) -> tuple[int, int]:
    """What tells a run from another in its place: its config.json is never edited."""
    found = run.config_file.stat()
    return found.st_ino, found.st_mtime_ns


class RunCatalog:
    """All runs of this machine, followed. For one thread at a time."""

    def __init__(self) -> None:
        self._followers: dict[Path, RunFollower] = {}
        self.unreadable: dict[RunDirectory, SidestepError] = {}
        """Why a run could not be read at the last look."""

    def poll(self) -> list[RunSummary]:
        """Every run that is still on disk, the newest first."""
        folders = run_folders()
        self._followers = {folder: follower for folder, follower in self._followers.items() if folder in folders}
        self.unreadable = {}
        summaries = [summary for folder in folders if (summary := self._summary(RunDirectory(folder)))]
        return sorted(summaries, key=lambda summary: summary.created_at, reverse=True)

    def _summary(self, run: RunDirectory) -> RunSummary | None:
        """A run now; None for a folder that is none, and for a run that cannot be read: the others do not suffer."""
        try:
            if not run.exists():
                self._followers.pop(run.path, None)
                return None
            if run.path not in self._followers or self._followers[run.path].is_replaced():
                self._followers[run.path] = RunFollower(run)
            return self._followers[run.path].poll()
        except SidestepError as error:
            self.unreadable[run] = error
        except OSError as error:
            self.unreadable[run] = SidestepError(error.strerror or str(error), where=error.filename or run.path)
        return None
