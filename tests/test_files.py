"""Files appear whole or not at all, and a full disk is told as one whoever wrote."""

import errno
import os
import resource
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch

from sidestep_tui.engine.tensor_files import write_state, write_tensors
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import directory_atomic, sweep, write_atomic, write_text_atomic

Order = list[tuple[str, int]]


def fail(_: Path) -> None:
    raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 551552 vs 551440")


def fail_on_a_full_disk(temporary: Path) -> None:
    temporary.unlink()
    temporary.symlink_to("/dev/full")
    fail(temporary)


def write_folder(path: Path) -> None:
    with directory_atomic(path) as folder:
        write_text_atomic(folder / "config.json", "{}")
        write_atomic(folder / "state.pt", fail_on_a_full_disk)


def test_a_librarys_own_words_for_a_full_disk_are_understood(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="unexpected pos"):
        write_atomic(tmp_path / "state.pt", fail)
    with pytest.raises(SidestepError, match="No space is left") as told:
        write_atomic(tmp_path / "state.pt", fail_on_a_full_disk)
    assert told.value.where == str(tmp_path / "state.pt")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("library", ["torch", "safetensors", "libsndfile"])
def test_a_limit_on_the_size_of_files_is_told_whichever_library_meets_it(tmp_path: Path, library: str) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(SidestepError, match="it grows too large") as told:
            write_much(tmp_path / "file.wav", library)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert told.value.where == str(tmp_path / "file.wav")
    assert "ulimit -f" in str(told.value.fix)
    assert not list(tmp_path.iterdir())


def write_much(path: Path, library: str) -> None:
    numbers = torch.zeros(200_000)
    if library == "torch":
        write_state(path, {"numbers": numbers})
    elif library == "safetensors":
        write_tensors(path, {"numbers": numbers})
    else:
        write_atomic(path, lambda temporary: soundfile.write(temporary, numbers.numpy(), 48_000, format="WAV"))


def test_an_error_in_a_folder_is_told_under_the_folders_own_name(tmp_path: Path) -> None:
    with pytest.raises(SidestepError) as told:
        write_folder(tmp_path / "step-00000005")
    assert told.value.where == str(tmp_path / "step-00000005" / "state.pt")
    assert not list(tmp_path.iterdir())


def test_no_write_changes_the_umask_even_for_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the whole process's: two threads that ask by setting it leave each other's answer behind."""
    (tmp_path / "plain").touch()
    monkeypatch.setattr(os, "umask", lambda _mask: pytest.fail("set"))
    write_text_atomic(tmp_path / "written", "text")
    with directory_atomic(tmp_path / "folder"):
        pass
    modes = [(tmp_path / name).stat().st_mode & 0o666 for name in ("plain", "written", "folder")]
    assert modes[0] == modes[1] == modes[2]


def test_a_folder_whose_copy_finds_the_disk_full_is_told_in_one_sentence(
    tmp_path: Path,
) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "a.safetensors").write_bytes(b"")
    with pytest.raises(SidestepError) as told, directory_atomic(tmp_path / "merged") as folder:
        shutil.copytree(tmp_path / "model", folder, dirs_exist_ok=True, copy_function=full)
    assert (told.value.what, told.value.where) == ("No space is left on the device.", str(tmp_path / "merged"))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("reading", [True, False])
@pytest.mark.parametrize("by_copytree", [True, False])
def test_a_source_that_may_not_be_read_is_not_told_as_a_folder_that_cannot_be_written(
    tmp_path: Path, reading: bool, by_copytree: bool
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(source if reading else target))

    model = tmp_path / "model"
    model.mkdir()
    (model / "a.safetensors").write_bytes(b"")
    copy = partial(shutil.copytree, dirs_exist_ok=True, copy_function=refuse) if by_copytree else refuse
    with pytest.raises(SidestepError) as told, directory_atomic(tmp_path / "merged") as folder:
        copy(model, folder)
    source = model / "a.safetensors" if by_copytree else model
    wanted = ("The file cannot be read.", source) if reading else ("The file cannot be written.", tmp_path / "merged")
    assert (told.value.what, told.value.where) == (wanted[0], str(wanted[1]))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> Order:
    """What was flushed to the disk and what was given a name, one after the other, each by its inode."""
    done: Order = []

    def told(what: str, call: Any) -> Any:
        def calling(file: Any, *names: Any) -> Any:
            done.append((what, (os.fstat(file) if isinstance(file, int) else Path(file).stat()).st_ino))
            return call(file, *names)

        return calling

    for name in ("fsync", "rename", "replace"):
        monkeypatch.setattr(os, name, told("flushed" if name == "fsync" else "named", getattr(os, name)))
    return done


def test_a_file_is_on_the_disk_before_it_has_its_name_and_the_name_soon_after(tmp_path: Path, order: Order) -> None:
    def write(temporary: Path) -> None:
        assert temporary.parent == tmp_path, "another file system could not give it its name"
        temporary.write_text("{}", "utf-8")

    write_atomic(tmp_path / "config.json", write)
    file, folder = (tmp_path / "config.json").stat().st_ino, tmp_path.stat().st_ino
    assert order == [("flushed", file), ("named", file), ("flushed", folder)]


@pytest.mark.parametrize("replaced", [True, False])
def test_all_of_a_folder_is_on_the_disk_before_it_has_its_name(tmp_path: Path, order: Order, replaced: bool) -> None:
    path = tmp_path / "best"
    if replaced:
        path.mkdir()
    with directory_atomic(path, replace=replaced) as folder:
        (folder / "ema").mkdir()
        (folder / "ema" / "weights").write_bytes(b"1")
        (folder / "trainer.json").write_text("{}", "utf-8")
    inside = {("flushed", one.stat().st_ino) for one in (path, *path.rglob("*"))}
    assert set(order[:4]) == inside
    assert order[-2:] == [("named", path.stat().st_ino), ("flushed", tmp_path.stat().st_ino)]
    assert [one.name for one in tmp_path.iterdir()] == ["best"], "the older one is gone"


def test_a_folder_that_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / "merged" / "weights").mkdir(parents=True)
    with pytest.raises(SidestepError, match="exists already"), directory_atomic(tmp_path / "merged"):
        pass
    assert (tmp_path / "merged" / "weights").is_dir()


def test_what_was_moved_aside_comes_back_where_nothing_took_its_place(tmp_path: Path) -> None:
    for name in ("best", "final"):
        (tmp_path / f".{name}.abcdefgh.old" / "older").mkdir(parents=True)
    (tmp_path / "final").mkdir()
    sweep(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {"best", "best/older", "final"}
