"""Locks on files: they end with the process that holds them, however it ends, so nobody has to clear up after a crash.

A process id in a file would do neither: the id is given to another process after a reboot, and a clock that was set
back makes an old file look new.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import portalocker

from sidestep_tui.disk_errors import disk_errors_named
from sidestep_tui.errors import SidestepError

_POLL_SECONDS: Final = 0.02
_EDIT_PATIENCE_SECONDS: Final = 10.0
TENSORS_LOCK: Final = ".lock"
"""In a folder of tensors: held by the run that encodes into it."""


def is_held(file: Path) -> bool:
    """Whether a process holds this lock at this moment. A file that is not there is not made by looking."""
    try:
        with file.open("rb") as lock:
            portalocker.lock(lock, portalocker.LOCK_SH | portalocker.LOCK_NB)  # those who look do not see one another
            portalocker.unlock(lock)
    except portalocker.AlreadyLocked:
        return True
    except (portalocker.LockException, OSError):  # where no lock can be taken nobody has one
        return False
    return False


@contextmanager
def trying_to_hold(file: Path, patience: float = 0.0, *, needed: bool = True) -> Iterator[bool]:
    """Holds a lock inside the block; gives False where another process has kept it for so many seconds.

    Args:
        file: is made where it is not there; its folder is there.
        patience: seconds. Somebody who only looks has it for an instant.
        needed: refuse a file system without locks. Else it is held there by whoever asks.

    Raises:
        SidestepError: the file cannot be written, or the file system has no locks and one is needed.
    """
    deadline = time.monotonic() + patience
    with disk_errors_named(file):
        lock = file.open("a+b")
    with lock:
        while not (is_ours := _taken(lock, file, needed)) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        yield is_ours


@contextmanager
def edited_alone(file: Path) -> Iterator[None]:
    """Lets nobody else change a document inside the block: of two who add to it at one moment both are heard.

    Args:
        file: need not be there, nor its folder. The lock lies beside it: the file itself is replaced.

    Raises:
        SidestepError: another process does not let go of it, or the folder cannot be written.
    """
    with disk_errors_named(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    with trying_to_hold(file.with_suffix(".edit"), _EDIT_PATIENCE_SECONDS) as is_ours:
        if not is_ours:
            raise SidestepError("Another process is changing this file.", where=file)
        yield


def _taken(lock: object, file: Path, needed: bool) -> bool:
    try:
        portalocker.lock(lock, portalocker.LOCK_EX | portalocker.LOCK_NB)  # type: ignore[arg-type]
    except portalocker.AlreadyLocked:
        return False
    except portalocker.LockException as error:
        if not needed:
            return True
        reason = str(error.args[0])
        raise SidestepError(
            f"The file system cannot lock files: {reason}.",
            where=file.parent,
            fix="use a folder on a disk of this machine; SIDESTEP_HOME names where runs and queues lie",
        ) from error
    return True
