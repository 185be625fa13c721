"""All runs on this machine: those in the usual place and those that were made elsewhere."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sidestep_tui.config.jobs import JobName
from sidestep_tui.config.places import run_index, runs_home, whole_path
from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.files import write_json_atomic
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.locks import edited_alone
from sidestep_tui.runs.log import EventReader
from sidestep_tui.runs.state import RunState, replay
from sidestep_tui.told import told

Condition = Literal["waiting", "running", "stopped", "failed", "completed", "interrupted"]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in a list."""

    run: RunDirectory
    job: JobName
    created_at: float
    condition: Condition
    state: RunState
    skipped_lines: int = 0
    """Whole lines of the event log that are damaged, or of a kind that this version does not know."""

    stop_asked: bool = False
    """Whether its engine is asked to stop: the request lies there, or was taken and is being done."""

    @property
    def doing(self) -> str:
        """Its condition in one word; of a run that works, also whether it pauses or is about to stop."""
        if self.condition != "running":
            return self.condition
        return "stopping" if self.stop_asked else "paused" if self.state.is_paused else self.condition

    @property
    def seen_at(self) -> float:
        """The run's last sign of life, from which its age counts; its making, where no engine has begun."""
        return self.state.updated_at or self.created_at


def remember_run(path: Path) -> None:
    """Adds a run directory outside the usual place to the list; a damaged list is set aside, not written over.

    Raises:
        SidestepError: the list cannot be written, or other processes do not let go of it.
    """
    path = path.absolute()
    if path.parent == runs_home() or path in _indexed():
        return
    try:
        with edited_alone(run_index()):
            if index_problem():
                run_index().replace(run_index().with_suffix(".json.damaged"))
            kept = [run for run in _indexed() if RunDirectory(run).exists() or not run.parent.is_dir()]
            write_json_atomic(run_index(), [str(run) for run in [*kept, path]])
    except SidestepError as error:
        error.fix = told("let SIDESTEP_HOME name a folder that can be written: what is known of all runs is kept there")
        raise


def run_folders() -> list[Path]:
    """Every folder that may be a run: those in the usual place and those that were remembered."""
    return list(dict.fromkeys([*(runs_home().iterdir() if runs_home().is_dir() else ()), *_indexed()]))


def list_runs() -> list[RunSummary]:
    """Every run that is still on disk and can be read, the newest first."""
    return read_runs()[0]


def read_runs() -> tuple[list[RunSummary], list[SidestepError]]:
    """Every run that is still on disk, the newest first, and what keeps others out of this list.

    A stray file, or a folder that is no run, is nobody's trouble. A run that cannot be read is, and so is the list of
    those outside the usual place; the other runs do not suffer.
    """
    summaries, troubles = [], []
    if problem := index_problem():
        troubles.append(SidestepError(f"The list of runs cannot be read: {problem}.", where=run_index()))
    for run in map(RunDirectory, run_folders()):
        try:
            if run.exists():
                summaries.append(summarise(run))
        except SidestepError as error:
            troubles.append(error)
        except OSError as error:
            troubles.append(SidestepError(f"The run cannot be read: {error.strerror or error}.", where=run.path))
    return sorted(summaries, key=lambda summary: summary.created_at, reverse=True), troubles


def summarise(run: RunDirectory) -> RunSummary:
    """A run's state now.

    Raises:
        SidestepError: the folder is no run.
    """
    reader = EventReader(run.events_file)
    state = replay(reader.stream())
    now = condition(run, state)
    return RunSummary(run, run.job(), run.created_at(), now, state, reader.unknown, is_stop_asked(run, state))


def is_stop_asked(run: RunDirectory, state: RunState) -> bool:
    """Whether a `stop` lies among the requests of a run (`runs/control.py`), or the engine at work took one.

    What the engine is at comes to its end first, and a step may take a minute.
    """
    started = state.engine_started_at or 0.0
    taken = any(command.command == "stop" and command.time >= started for command in state.commands)
    return taken or any(run.commands.glob("*-stop.json"))


def condition(run: RunDirectory, state: RunState) -> Condition:
    """What became of the run: its own last word, unless its engine vanished without one."""
    if state.status in ("running", "waiting") and not run.alive():
        return "interrupted" if state.status == "running" else "waiting"
    return "running" if run.alive() else state.status


def find_run(name: str) -> RunDirectory:
    """The run at a path, or the one with this name.

    Raises:
        UsageError: there is none, or the name fits several.
    """
    direct = RunDirectory(whole_path(name))
    if direct.exists():
        return direct
    named = [summary.run for summary in list_runs() if summary.run.name == name]
    if len(named) > 1:
        listed = ", ".join(str(run.path) for run in named)
        raise UsageError(f"Several runs are called {name!r}.", where=listed, fix="give the whole path")
    if not named:
        raise UsageError(f"There is no run {name!r}.", fix="`sidestep runs list` shows the runs")
    return named[0]


def index_problem() -> str:
    """Why the list of runs outside the usual place cannot be read; empty where it can be, and where there is none."""
    try:
        _read_index()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or str(error)
    except ValueError:
        return told("it is damaged. Runs outside the usual place are missing until it is mended or removed")
    return ""


def _indexed() -> list[Path]:
    try:
        return _read_index()
    except (OSError, ValueError):
        return []


def _read_index() -> list[Path]:
    """The list as it stands; OSError and ValueError where it cannot be read."""
    entries = json.loads(run_index().read_text(encoding="utf-8"))
    if not isinstance(entries, list):
        raise ValueError  # no list
    return [Path(entry) for entry in entries if isinstance(entry, str)]
