"""What the system says about disks and permissions, in words: of which file, why, and what to do about it."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sidestep_tui.errors import NoRoomError, SidestepError

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)


def lacks_room(error: OSError) -> bool:
    """Whether an error of the system says that the disk is full, or somebody's share of it."""
    return error.errno in _NO_ROOM


@contextmanager
def disk_errors_named(path: Path) -> Iterator[None]:
    """Says in words that the disk is full or `path` may not be written, be it a file of `write_atomic` or a lock.

    Raises:
        SidestepError: it is so. Other errors of the system pass.
    """
    try:
        yield
    except OSError as error:
        number = _number_of(error)
        if number in _NO_ROOM:
            raise NoRoomError(
                "No space is left on the device.", where=path, fix="free some space or choose another output folder"
            ) from error
        if number in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise SidestepError(
                "The file cannot be written.", where=path, fix="check the permissions or choose another folder"
            ) from error
        if number == errno.EFBIG:
            fix = "`ulimit -f` tells the limit on the size of files; raise it, or choose another disk"
            raise SidestepError("The file cannot be written: it grows too large.", where=path, fix=fix) from error
        if number in (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG):
            reason = os.strerror(number)
            raise SidestepError(
                f"The file cannot be written: {reason}.", where=path, fix="choose another place"
            ) from error
        raise


@contextmanager
def sources_named(temporary: Path) -> Iterator[None]:
    """Missing permission at a file that lies elsewhere is one to read what is copied into the folder.

    Raises:
        SidestepError: it is so.
    """
    try:
        yield
    except OSError as error:
        refused = _refused(error)
        if refused is None or refused.is_relative_to(temporary):
            raise
        raise SidestepError(
            "The file cannot be read.", where=refused, fix="check its permissions, or who owns it"
        ) from error


def _refused(error: OSError) -> Path | None:
    """The file at which permission was missing; None where it was another thing."""
    if _number_of(error) not in (errno.EACCES, errno.EPERM):
        return None
    if isinstance(error, shutil.Error):  # a list of (source, target, the system's words, which name one of them)
        met = [entry for entry in error.args[0] if f"[Errno {errno.EACCES}]" in entry[2]]
        return next((Path(one if str(one) in why else other) for one, other, why in met), None)
    return None if error.filename is None else Path(error.filename)


def _number_of(error: OSError) -> int | None:
    """The system's number of an error; of the many that a folder's copy has met, which are text by then, the worst."""
    if not isinstance(error, shutil.Error):
        return error.errno
    told = str(error.args)
    return next((number for number in (*_NO_ROOM, errno.EACCES) if f"[Errno {number}]" in told), None)
