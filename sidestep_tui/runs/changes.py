"""Settings with which a run goes on that are not those it began with.

`config.json` stays as the run began. What a resumption changes is appended to `changes.json`, beside it: one entry for
each time, with the whole settings from then on, so that every reader of the run sees those in force, and how they came
about. Settings marked `resumable` may change at any time. The others change the mathematics: the run would neither be
the one that it began as nor a new one, so they are refused unless forced, and a forced change is on record for ever.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sidestep_tui.config.base import Section
from sidestep_tui.config.fields import leaves, setting_fields
from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.files import write_json_atomic


@dataclass(frozen=True, slots=True)
class Change:
    """One setting before and after; `free` where the mathematics stay the same."""

    path: str
    before: Any
    after: Any
    free: bool

    @property
    def values(self) -> str:
        """`0.0001 → 1e-05`."""
        return f"{_shown(self.before)} → {_shown(self.after)}"

    def __str__(self) -> str:
        return f"{self.path} {self.values}"


def changes_between(before: Section, after: Section) -> tuple[Change, ...]:
    """The settings in which two documents of one job differ, in the order of the schema."""
    free = {field.path for field in setting_fields(type(before)) if field.resumable}
    old, new = (dict(leaves(document.model_dump(mode="json"))) for document in (before, after))
    return tuple(
        Change(path, old.get(path), new.get(path), path in free)
        for path in dict.fromkeys([*old, *new])
        if old.get(path) != new.get(path)
    )


def check_changes(run: Path, changes: tuple[Change, ...], *, force: bool) -> None:
    """Refuses changes of the mathematics that nobody forced.

    Raises:
        UsageError: names each with its old and its new value.
    """
    if refused := [change for change in changes if not change.free and not force]:
        raise UsageError(
            f"The run began with other settings, and these change its mathematics: {'; '.join(map(str, refused))}.",
            where=run,
            fix="leave them as they were, start a new run, or change them in the middle of the run with --force",
        )


def record_changes(file: Path, changes: tuple[Change, ...], settings: dict[str, Any]) -> None:
    """Appends an entry: what changed, and the whole settings from now on.

    Raises:
        SidestepError: the file cannot be read or written.
    """
    entry = {
        "time": time.time(),
        "changed": {change.path: [change.before, change.after] for change in changes},
        "forced": [change.path for change in changes if not change.free],
        "settings": settings,
    }
    write_json_atomic(file, [*read_changes(file), entry])


def read_changes(file: Path) -> list[dict[str, Any]]:
    """The entries of a run's `changes.json`, oldest first; none where nothing was ever changed.

    Raises:
        SidestepError: the file is damaged.
    """
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise SidestepError(f"The run's changed settings cannot be read: {error}.", where=file) from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) and "settings" in entry for entry in entries):
        raise SidestepError("The run's changed settings are damaged.", where=file, fix="remove the file to undo them")
    return entries


def _shown(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else json.dumps(value).strip('"')
