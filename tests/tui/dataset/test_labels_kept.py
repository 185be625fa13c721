"""What a labelling finds is kept, whatever happens while it comes in."""

import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sidestep_tui.dataset import session as sessions
from sidestep_tui.dataset.proposals import Proposals
from sidestep_tui.dataset.session import open_session
from sidestep_tui.runs.events import RunStarted
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.busy import BusyScreen
from sidestep_tui.tui.dataset.label_line import LabelLine
from sidestep_tui.tui.dataset.screen import ReviewScreen

from .conftest import notes, screen
from .test_labelling import left_by_a_run, proposal

Eventually = Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]]
MakeApp = Callable[..., SidestepApp]
SONG = "live/06 שיר ארוך.wav"


async def test_labels_that_come_in_while_a_save_is_written_are_kept(
    make_app: MakeApp, album: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They became edits of what was just being saved: in neither the file nor the journal, and taken from the run."""
    go_on = threading.Event()
    run = left_by_a_run(album)
    with EventWriter(run.events_file) as events, run.held():
        events.write(RunStarted(job="label", pid=1, host="", device="cpu", version="", settings={}))
        async with make_app("dataset", path=album).run_test(size=(120, 36)) as pilot:
            await eventually(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
            review, line = screen(pilot).review, screen(pilot).query_one(LabelLine)
            await eventually(pilot, lambda: line.running is not None)
            await pilot.press("v")
            save, offered = sessions.save_dataset, list[object]()
            monkeypatch.setattr(sessions, "save_dataset", lambda *a, **k: (go_on.wait(10), save(*a, **k))[1])
            post = line.post_message
            monkeypatch.setattr(line, "post_message", lambda one: (offered.append(one), post(one))[1])
            await pilot.press("w")
            await eventually(pilot, lambda: isinstance(pilot.app.screen, BusyScreen))
            Proposals(run.path).add(proposal(SONG, bpm="100"))
            await eventually(pilot, lambda: any(isinstance(one, LabelLine.Found) for one in offered))
            await pilot.pause()
            go_on.set()
            await eventually(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen) and "Saved" in notes(pilot))
            await eventually(pilot, lambda: review.songs[SONG].bpm == 100)
            assert review.session.has_unsaved_edits
    assert open_session(album / "dataset.json").dataset.by_key()[SONG].bpm == 100


async def test_labels_that_cannot_be_kept_are_complained_of_once(
    make_app: MakeApp, album: Path, eventually: Eventually
) -> None:
    """Every second another note said so, one above the other."""
    run = left_by_a_run(album, proposal(SONG, bpm="100"))
    (album / ".sidestep-edits.jsonl").mkdir()
    with EventWriter(run.events_file) as events, run.held():
        events.write(RunStarted(job="label", pid=1, host="", device="cpu", version="", settings={}))
        async with make_app("dataset", path=album).run_test(size=(120, 36)) as pilot:
            await eventually(pilot, lambda: "cannot be kept safe" in notes(pilot))
            line = screen(pilot).query_one(LabelLine)
            for _ in range(3):
                line.look()
                await pilot.app.workers.wait_for_complete()
                await pilot.pause()
            assert notes(pilot).count("cannot be kept safe") == 1
            assert line.running is not None
    assert Proposals(run.path).waiting()
