"""The one place that writes files: each appears whole under its name or not at all."""

import errno
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from sidestep_tui.disk_errors import disk_errors_named, sources_named
from sidestep_tui.errors import SidestepError

_HARDLY_ANY_BYTES: Final = 1 << 20
_UMASK: Final = os.umask(0o022)
os.umask(_UMASK)  # asked for while no other thread runs: to ask is to set it


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Calls `write` with a temporary name in the same folder, makes the result durable and renames it into place.

    Args:
        path: the final name. Its folder is created.
        write: writes the whole file to the path it is given.

    Raises:
        SidestepError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    with disk_errors_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".tmp")
        os.close(handle)
        temporary = Path(name)
        try:
            _write_or_say_full(write, temporary)
            temporary.chmod(0o666 & ~_UMASK)  # mkstemp makes files for the owner alone
            _sync(temporary)
            temporary.replace(path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_text_atomic(path: Path, text: str) -> None:
    """`write_atomic` for text, as UTF-8 with `\\n` line ends."""
    write_bytes_atomic(path, text.encode("utf-8"))


def write_bytes_atomic(path: Path, data: bytes) -> None:
    """`write_atomic` for bytes."""
    write_atomic(path, lambda temporary: temporary.write_bytes(data))


def write_json_atomic(path: Path, document: Any) -> None:
    """`write_atomic` for a JSON document, indented, non-ASCII kept readable."""
    write_text_atomic(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def directory_atomic(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """A temporary sibling folder that takes the name `path` when the block ends well, and vanishes otherwise.

    Args:
        path: the final name.
        replace: an older folder of that name makes room at the very end.

    Raises:
        SidestepError: `path` exists already, the disk is full or the folder cannot be written.
    """

    with disk_errors_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not replace:
            raise SidestepError("The folder exists already.", where=path, fix="choose another name or remove it")
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".tmp"))
        try:
            with _named_as(temporary, path), sources_named(temporary):
                yield temporary
            for inside in (*temporary.rglob("*"), temporary):  # folders too: their lists of names are data of their own
                if inside.is_file() or inside.is_dir():
                    _sync(inside)
            temporary.chmod(0o777 & ~_UMASK)
            if path.exists():
                older = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".old"))
                path.rename(older)  # onto the empty folder: from here to the next line neither has the name
                temporary.rename(path)
                shutil.rmtree(older)
            else:
                temporary.rename(path)
            _sync(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def check_place(path: Path) -> None:
    """Tells what would keep a file or folder from being written at a path, before the hours that it takes to make it.

    Raises:
        SidestepError: the nearest folder that is there may not be written, a file is in the way, or the name is none
            that the file system takes.
    """
    path = path.absolute()
    with disk_errors_named(path):
        for place in (path, *path.parents):
            with suppress(FileNotFoundError):
                is_folder = stat.S_ISDIR(place.stat().st_mode)
                if is_folder and os.access(place, os.W_OK | os.X_OK):
                    return
                if is_folder:
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
                if place != path:
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


def sweep(folder: Path, names: str = "*") -> None:
    """Removes what a process that was killed has left half-written, and puts back what it had moved aside.

    Args:
        folder: where nobody else writes things of these names at this moment.
        names: a pattern of the final names, of which the first 40 characters count.
    """
    for left in folder.glob(f".{names}.????????.tmp"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    for older in folder.glob(f".{names}.????????.old"):
        path = folder / older.name[1 : -len(".XXXXXXXX.old")]
        shutil.rmtree(older) if path.exists() else older.rename(path)


def line_end_missing(descriptor: int) -> bytes:
    """A line end, if a crash tore the last line of a file that is open for reading too: the next is not glued to it."""
    if os.fstat(descriptor).st_size == 0:
        return b""
    os.lseek(descriptor, -1, os.SEEK_END)
    return b"" if os.read(descriptor, 1) == b"\n" else b"\n"


def is_full(folder: Path) -> bool:
    """Whether hardly anything more can be written into a folder; of one that is gone, and of quotas, nobody knows."""
    try:
        return shutil.disk_usage(folder).free < _HARDLY_ANY_BYTES
    except OSError:
        return False


def _write_or_say_full(write: Callable[[Path], object], temporary: Path) -> None:
    """Libraries with writers of their own (torch, libsndfile) do not name a full disk, a quota or a limit on files.

    The system does, when a little more is written to where they gave up.
    """
    try:
        write(temporary)
    except RuntimeError:
        with temporary.open("ab") as file:
            file.write(bytes(_HARDLY_ANY_BYTES))
            os.fsync(file.fileno())
        raise


@contextmanager
def _named_as(temporary: Path, path: Path) -> Iterator[None]:
    """Errors inside a folder that has a temporary name are told under the name that it was to have."""
    try:
        yield
    except SidestepError as error:
        if error.where is not None:
            error.where = error.where.replace(str(temporary), str(path))
        raise


def _sync(path: Path) -> None:
    """Flushes a file, or a folder's list of names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF):  # a file system that cannot sync folders
            raise
    finally:
        os.close(descriptor)
