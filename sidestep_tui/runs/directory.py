"""A run directory: the resolved settings, the events, the checkpoints, and the lock that says whether it lives."""

import json
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sidestep_tui import __version__
from sidestep_tui.config.base import Section
from sidestep_tui.config.jobs import JOBS, JobName
from sidestep_tui.config.layers import problems_of
from sidestep_tui.config.places import whole_path
from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.files import write_json_atomic
from sidestep_tui.runs.changes import Change, changes_between, check_changes, read_changes, record_changes
from sidestep_tui.runs.locks import is_held, trying_to_hold

_LOCK_PATIENCE_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """One run on disk."""

    path: Path

    @property
    def name(self) -> str:
        """What people call the run."""
        return self.path.name

    @property
    def typed(self) -> str:
        """Its path as it is typed into a shell: what is said of commands is copied."""
        return shlex.quote(str(self.path))

    @property
    def config_file(self) -> Path:
        """The resolved settings at the start, never edited afterwards."""
        return self.path / "config.json"

    @property
    def changes_file(self) -> Path:
        """What resumptions have changed since (`runs/changes.py`)."""
        return self.path / "changes.json"

    @property
    def events_file(self) -> Path:
        """The append-only event log."""
        return self.path / "events.jsonl"

    @property
    def engine_log(self) -> Path:
        """What libraries print; for people."""
        return self.path / "engine.log"

    @property
    def commands(self) -> Path:
        """Requests to the living engine."""
        return self.path / "commands"

    @property
    def checkpoints(self) -> Path:
        """Adapter files with the trainer's state, one folder for each."""
        return self.path / "checkpoints"

    @property
    def final(self) -> Path:
        """The adapter after the last step."""
        return self.path / "final"

    @property
    def best(self) -> Path:
        """The adapter with the lowest validation loss."""
        return self.path / "best"

    @property
    def samples(self) -> Path:
        """Songs generated while training."""
        return self.path / "samples"

    @property
    def devices_file(self) -> Path:
        """Where the run's engine works (`runs/devices.py`); it holds as long as the engine lives."""
        return self.path / ".devices.json"

    def exists(self) -> bool:
        """Whether this is a run directory at all."""
        return self.config_file.is_file()

    def job(self) -> JobName:
        """Which job the run does."""
        job: JobName = self._config()["job"]
        return job

    def settings(self) -> Section:
        """The settings in force, as the model of the run's job: those of the start with what was changed since.

        Raises:
            SidestepError: the folder is no run, or its settings are not valid for this version.
        """
        entries = read_changes(self.changes_file)
        return self._validated(entries[-1]["settings"] if entries else self._config()["settings"])

    def changes(self) -> tuple[Change, ...]:
        """How the settings in force differ from those that the run began with."""
        return changes_between(self._validated(self._config()["settings"]), self.settings())

    def count_changes(self) -> int:
        """How often resumptions have changed settings."""
        return len(read_changes(self.changes_file))

    def changed_since(self, entries: int) -> frozenset[str]:
        """The dotted paths that were changed after the first so many entries of `changes.json`."""
        return frozenset(path for entry in read_changes(self.changes_file)[entries:] for path in entry["changed"])

    def changes_to(self, settings: Section) -> tuple[Change, ...]:
        """How other settings differ from those in force."""
        return changes_between(self.settings(), with_absolute_paths(settings))

    def change_settings(self, settings: Section, *, force: bool) -> None:
        """Lets the run go on with other settings from its next start.

        Raises:
            UsageError: something would change the mathematics, and nobody forced it.
            SidestepError: the record cannot be written.
        """
        changes = self.changes_to(settings)
        check_changes(self.path, changes, force=force)
        if changes:
            record_changes(self.changes_file, changes, with_absolute_paths(settings).model_dump(mode="json"))

    def _validated(self, settings: dict[str, Any]) -> Section:
        config = self._config()
        model, version = JOBS[config["job"]], config.get("version")
        if problems := problems_of(model, settings):
            problem = "; ".join(each.told for each in problems)
            other = f"the run was made by version {version}; use that one"
            raise SidestepError(
                f"The run's settings are not valid here: {problem}.",
                where=self.config_file,
                fix="correct the file, or start a new run" if version == __version__ else other,
            )
        return model.model_validate(settings)

    def created_at(self) -> float:
        """When the run was made, in seconds since the epoch."""
        return float(self._config()["created_at"])

    def alive(self) -> bool:
        """Whether an engine holds the run's lock at this moment."""
        return is_held(self._lock_file)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds the run's lock: one engine at a time.

        Raises:
            SidestepError: another engine holds it, the folder is gone, or it may not be written or locked in.
        """
        if not self.path.is_dir():
            raise self._no_run()
        with trying_to_hold(self._lock_file, _LOCK_PATIENCE_SECONDS) as is_ours:
            if not is_ours:
                raise SidestepError(
                    "An engine is already working on this run.",
                    where=self.path,
                    fix=f"watch it with `sidestep runs attach {self.typed}`",
                )
            yield

    @property
    def _lock_file(self) -> Path:
        return self.path / ".lock"

    def _no_run(self) -> SidestepError:
        return SidestepError("This is not a run.", where=self.path, fix="`sidestep runs list` shows the runs")

    def _config(self) -> dict[str, Any]:
        try:
            document = json.loads(self.config_file.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise self._no_run() from error
        except (OSError, ValueError) as error:
            raise SidestepError(f"The run's settings cannot be read: {error}.", where=self.config_file) from error
        if not isinstance(document, dict) or str(document.get("job")) not in JOBS:
            raise SidestepError("The run's settings are of no known job.", where=self.config_file)
        if not isinstance(document.get("settings"), dict) or not isinstance(document.get("created_at"), int | float):
            raise SidestepError("The run's settings are not whole.", where=self.config_file)
        return document


def create_run(path: Path, job: JobName, settings: Section) -> RunDirectory:
    """Makes a run directory with its settings; nothing runs yet.

    Raises:
        UsageError: there is a run or something else at this path.
        SidestepError: it cannot be written.
    """
    path = whole_path(path)
    run = RunDirectory(path)
    if run.exists():
        raise UsageError(
            "There is a run with this name already.",
            where=path,
            fix=f"`sidestep resume {run.typed}`, or choose another name",
        )
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError("The output is taken by something that is no run.", where=path, fix="choose another name")
    write_json_atomic(
        run.config_file,
        {
            "job": job,
            "version": __version__,
            "created_at": time.time(),
            "settings": with_absolute_paths(settings).model_dump(mode="json"),
        },
    )
    run.commands.mkdir(exist_ok=True)
    return run


def with_absolute_paths(settings: Section) -> Section:
    """The settings with paths that mean the same wherever the engine works."""
    return type(settings).model_validate(_absolute(settings.model_dump()))


def _absolute(value: Any) -> Any:
    match value:
        case Path():
            return whole_path(value)
        case dict():
            return {key: _absolute(item) for key, item in value.items()}
        case list() | tuple():
            return [_absolute(item) for item in value]
        case _:
            return value
