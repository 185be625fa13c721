"""Locks: looking neither makes nor takes one, and a file system without them is named."""

import errno
from collections.abc import Callable
from pathlib import Path

import portalocker
import pytest

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.locks import is_held, trying_to_hold


def test_a_lock_is_seen_as_long_as_it_is_held(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    assert not is_held(file)
    assert not file.exists()
    with trying_to_hold(file) as first:
        assert first
        assert is_held(file)
        with trying_to_hold(file) as second:
            assert not second
        assert is_held(file)
    assert not is_held(file)


def test_somebody_who_looks_does_not_keep_it_from_anybody(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    file.touch()
    with file.open("rb") as looking:
        portalocker.lock(looking, portalocker.LOCK_SH)
        assert not is_held(file)
        with trying_to_hold(file, patience=0.05) as ours:
            assert not ours


def test_a_file_system_without_locks_is_named(
    tmp_path: Path, make_run: Callable[..., RunDirectory], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_here(*_words: object) -> None:
        raise portalocker.LockException(OSError(errno.ENOLCK, "No locks available"))

    run = make_run()
    (run.path / ".lock").touch()
    monkeypatch.setattr(portalocker, "lock", none_here)
    assert not run.alive()  # where nobody can take a lock nobody has one
    with pytest.raises(SidestepError, match=r"cannot lock files: .*No locks available") as refused, run.held():
        pass
    assert (refused.value.where, "SIDESTEP_HOME" in (refused.value.fix or "")) == (str(run.path), True)
