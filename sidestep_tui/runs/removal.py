"""Deleting a run: how much it holds, and taking it away in an order that never leaves half a run behind."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from sidestep_tui.disk_errors import disk_errors_named
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs import standing
from sidestep_tui.runs.directory import RunDirectory


def disk_used(run: RunDirectory) -> int:
    """Bytes of all files in the run directory; links are not followed, and what goes at this moment is left out."""
    held = 0
    for folder, _folders, files in os.walk(run.path):
        for name in files:
            with suppress(FileNotFoundError):  # an older checkpoint that makes room
                held += Path(folder, name).lstat().st_size
    return held


def remove_run(run: RunDirectory) -> None:
    """Deletes the run directory with everything in it, and takes the run out of the queue.

    Raises:
        SidestepError: an engine works on the run, or the folder cannot be deleted.
    """
    with run.held(), disk_errors_named(run.path):  # no engine can start while its run goes
        run.config_file.unlink(missing_ok=True)  # from here on it is no run, whatever happens to the rest
    try:
        shutil.rmtree(run.path)
    except OSError as error:
        raise SidestepError(
            f"Not all of the run could be deleted: {error.strerror}.", where=run.path, fix="delete the rest by hand"
        ) from error
    with suppress(SidestepError):  # a damaged queue says so itself
        standing.forget(run)
