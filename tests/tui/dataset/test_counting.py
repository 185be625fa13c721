"""The process that counts tokens: it finds this package from anywhere, and ends with whoever waits for it."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest
from textual.pilot import Pilot

import sidestep_tui
from sidestep_tui.tui.wizard.start import remember

from .conftest import OpenReview

Eventually = Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]]


@pytest.fixture
def endless_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of Python: tells its process id and its path for modules in the file that is given, and does not end."""
    told, python = tmp_path / "told", tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$$ $PYTHONPATH" > "{told}.new" && mv "{told}.new" "{told}"\nexec sleep 600\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return told


async def test_a_count_ends_with_the_song_that_is_left(
    open_review: OpenReview, album: Path, endless_python: Path, eventually: Eventually
) -> None:
    """It went on, and so did the application that was left: each song that was opened had started another one."""
    remember({"model.checkpoint": str(album)})
    async with open_review(album, (120, 36), "enter") as pilot:
        await eventually(pilot, endless_python.exists)
        process, path = endless_python.read_text().split()
        assert psutil.pid_exists(int(process))
        assert Path(path.split(":")[0]) == Path(sidestep_tui.__file__).parents[1], "wherever it was started from"
        await pilot.press("escape")
        await eventually(pilot, lambda: not psutil.pid_exists(int(process)))
