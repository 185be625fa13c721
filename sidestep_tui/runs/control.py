"""Requests to a living engine: a viewer drops a file, the engine applies it between two steps and says so."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from sidestep_tui.config.layers import Layer, resolve
from sidestep_tui.config.optimisation import OptimizerSettings
from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.files import write_json_atomic
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import summarise

CommandName = Literal["stop", "pause", "resume", "save", "validate", "sample", "set"]
COMMANDS: Final[tuple[str, ...]] = get_args(CommandName)
LEARNING_RATE: Final = "optimizer.learning_rate"
"""The one setting that `set` changes."""


@dataclass(frozen=True, slots=True)
class Command:
    """One request. `file` is its file in the run directory, removed when it is taken."""

    name: str
    arguments: dict[str, str]
    file: Path


def send_command(run: RunDirectory, name: str, arguments: dict[str, str] | None = None) -> None:
    """Asks the engine of a run for something.

    Raises:
        UsageError: there is no such command, or a setting that it names cannot have this value while running.
        SidestepError: no engine works on the run.
    """
    if name not in COMMANDS:
        raise UsageError(f"There is no command {name!r}.", fix=f"one of: {', '.join(COMMANDS)}")
    for path, value in (arguments or {}).items():
        rate_of(path, value)
    if not run.alive():
        if summarise(run).condition == "completed":
            raise SidestepError(
                "The run did all of its work.",
                where=run.path,
                fix=f"`sidestep runs show {run.typed}` tells its results",
            )
        raise SidestepError(
            "No engine is working on this run.", where=run.path, fix=f"`sidestep resume {run.typed}` continues it"
        )
    file = run.commands / f"{time.time_ns():020d}-{name}.json"
    write_json_atomic(file, {"command": name, "arguments": arguments or {}})


def rate_of(path: str, value: str) -> float:
    """The peak learning rate that `set` asks for: of all settings it alone can change while an engine works.

    Raises:
        UsageError: it is another setting, or no rate; names the bounds.
    """
    if path != LEARNING_RATE:
        raise UsageError(
            f"{path} cannot be set while running.", where=f"{path}={value}", fix="set optimizer.learning_rate"
        )
    return resolve(OptimizerSettings, [Layer(f"{path}={value}", {"learning_rate": value})]).peak_rate


def take_commands(run: RunDirectory) -> list[Command]:
    """The requests since the last call, oldest first; each is given once. For the engine alone."""
    taken: list[Command] = []
    for file in sorted(run.commands.glob("*.json")):
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            taken.append(Command(str(document["command"]), dict(document.get("arguments", {})), file))
        except (OSError, ValueError, KeyError, TypeError):
            pass  # not written by send_command; it asks for nothing
        file.unlink(missing_ok=True)
    return taken
