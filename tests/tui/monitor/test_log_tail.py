"""The tail of engine.log: whole lines, the end of a long file, overwritten progress bars."""

import pickle
from pathlib import Path

import pytest

from sidestep_tui.tui.monitor.log_tail import LogTail


def test_a_missing_log_is_empty_and_found_later(tmp_path: Path) -> None:
    file = tmp_path / "engine.log"
    tail = LogTail(file)
    assert tail.read() == []
    file.write_text("one\n")
    assert tail.read() == ["one"]


def test_an_unfinished_line_waits(tmp_path: Path) -> None:
    file = tmp_path / "engine.log"
    file.write_text("one\ntw")
    tail = LogTail(file)
    assert tail.read() == ["one"]
    with file.open("a") as log:
        log.write("o\nthree\n")
    assert tail.read() == ["two", "three"]


def test_of_a_long_log_only_the_end_and_only_whole_lines(tmp_path: Path) -> None:
    file = tmp_path / "engine.log"
    file.write_text("".join(f"line {n:06d}\n" for n in range(50_000)))
    lines = LogTail(file).read()
    assert lines[-1] == "line 049999"
    assert len(lines) < 10_000
    assert all(len(line) == len("line 000000") for line in lines)


def test_progress_bars_and_escape_codes(tmp_path: Path) -> None:
    file = tmp_path / "engine.log"
    file.write_bytes(b"10%\r55%\r100%\n\x1b[31m[red]\x1b[0m\xff\nwindows\r\n")
    assert LogTail(file).read() == ["100%", "[red]\ufffd", "windows"]


def test_a_log_that_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "engine.log"
    file.write_text("a long first life\n")
    tail = LogTail(file)
    tail.read()
    file.write_text("second\n")
    assert tail.read() == ["second"]


def test_of_what_was_printed_while_nobody_looked_only_the_end_is_read(tmp_path: Path) -> None:
    file = tmp_path / "engine.log"
    file.write_text("first\nhalf a li")
    tail = LogTail(file)
    tail.read()
    with file.open("a") as log:
        log.writelines(f"line {n:06d}\n" for n in range(50_000))
    lines = tail.read()
    assert lines[-1] == "line 049999"
    assert len(lines) < 10_000
    assert all(len(line) == len("line 000000") for line in lines)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
def test_a_progress_bar_that_is_overwritten_for_hours_is_not_held_whole(end: str, tmp_path: Path) -> None:
    file = tmp_path / "engine.log"
    tail = LogTail(file)
    for step in range(1000):
        with file.open("ab") as log:
            log.write(f"\rstep {step}".encode())
        assert tail.read() == []
    assert len(pickle.dumps(tail)) < 500  # all that it holds
    for part in end:
        with file.open("ab") as log:
            log.write(part.encode())
        lines = tail.read()
    assert lines == ["step 999"]
