"""Starting an engine that outlives whoever started it."""

import time
from pathlib import Path
from typing import Final

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.control import take_commands
from sidestep_tui.runs.detached import start_detached
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import remember_run
from sidestep_tui.runs.log import EventReader

ENGINE_MODULE: Final = "sidestep_tui.engine"
_START_PATIENCE_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.02


def check_free(run: RunDirectory) -> None:
    """Refuses a run that is at work: another engine, or other settings, would come in its way.

    Raises:
        SidestepError: so it is.
    """
    if run.alive():
        raise SidestepError(
            "An engine is already working on this run.", where=run.path, fix=f"`sidestep runs attach {run.typed}`"
        )


def launch(run: RunDirectory) -> int:
    """Starts the engine of a run in a session of its own, so that no hang-up reaches it, and gives its process id.

    Returns when the engine has taken the run's lock or has said its first word. A run with checkpoints continues
    after the newest one.

    Raises:
        SidestepError: this is no run, or the engine did not start; its last words are given.
    """
    run.job()
    check_free(run)
    remember_run(run.path)
    take_commands(run)  # what an engine was asked for that ended before it looked is not meant for this one
    reader = EventReader(run.events_file)
    reader.read()
    said_before = run.engine_log.stat().st_size if run.engine_log.exists() else 0
    with run.engine_log.open("ab") as log:
        process = start_detached(ENGINE_MODULE, run.path, log)
    deadline = time.monotonic() + _START_PATIENCE_SECONDS
    while not run.alive() and not reader.read():
        if process.poll() is not None or time.monotonic() > deadline:
            said = _last_words(run.engine_log, said_before)
            raise SidestepError(f"The engine did not start: {said}", where=run.engine_log)
        time.sleep(_POLL_SECONDS)
    return process.pid


def _last_words(log: Path, start: int) -> str:
    """The last line after so many bytes; where and fix of an error stand below what it says, further in."""
    lines = log.read_bytes()[start:].decode("utf-8", errors="replace").splitlines()
    return next((line for line in reversed(lines) if line.strip() and not line.startswith(" ")), "it said nothing")
