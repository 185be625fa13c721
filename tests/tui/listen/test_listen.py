"""The songs of a run: in which order they stand, what is drawn of them, and how they are fetched."""

import asyncio
import shutil
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

from sidestep_tui.dataset.audio import SAMPLE_RATE, write_audio
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.runs.state import replay
from sidestep_tui.tui import follow
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.dataset import listener
from sidestep_tui.tui.dataset.sound_view import SoundView
from sidestep_tui.tui.line_screen import LineScreen
from sidestep_tui.tui.listen.samples import heard_in
from sidestep_tui.tui.listen.screen import ListenScreen
from sidestep_tui.tui.widgets.table import KeyTable

from ..conftest import SIZES, MakeRun, shown

MakeApp = Callable[..., SidestepApp]
Settle = Callable[[Pilot[None]], Awaitable[None]]


def sample(step: int | None, name: str = "1-waltz", prompt: str = "a slow waltz,\n strings", seed: int = 42) -> Any:
    path = f"samples/step-{step or 0:08d}/{name}.flac"
    return ev.SampleWritten(path=path, prompt=prompt, seed=seed, step=step, adapter_scale=1.0)


SONGS = [sample(0), sample(0, "2-march", "a march"), sample(100), sample(100, "2-march", "a march"), sample(100)]


def test_songs_of_one_prompt_stand_together_in_the_order_of_training() -> None:
    heard = heard_in(Path("/run"), SONGS)
    assert [(song.name, song.moment) for song in heard] == [
        ("1-waltz", "before training"),
        ("1-waltz", "step 100"),
        ("2-march", "before training"),
        ("2-march", "step 100"),
    ]
    assert heard[0].path == Path("/run/samples/step-00000000/1-waltz.flac")
    assert heard[0].prompt == "a slow waltz, strings"
    others = heard_in(Path("/run"), [sample(100), sample(0, "other", seed=7), sample(0)])
    assert [(song.name, song.moment) for song in others] == [
        ("1-waltz", "before training"),
        ("1-waltz", "step 100"),
        ("other", "before training"),
    ]


def test_two_songs_of_one_caption_stand_apart() -> None:
    """They differ in what else they are told: lyrics, tempo, key."""
    heard = heard_in(Path("/run"), [sample(step, name) for step in (0, 100) for name in ("1-waltz", "2-lullaby")])
    assert [song.name for song in heard] == ["1-waltz", "1-waltz", "2-lullaby", "2-lullaby"]


@pytest.fixture
def sung(make_run: MakeRun) -> RunDirectory:
    """A run with four songs on disk: a tone that rises from step to step."""
    run = make_run(
        "album-lora", events=[ev.RunStarted(job="train", pid=1, host="b", device="cpu", version="0"), *SONGS]
    )
    seconds = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    for number, song in enumerate(SONGS[:4]):
        tone = 0.5 * np.sin(2 * np.pi * 220 * (number + 1) * seconds) * np.abs(np.sin(seconds))
        write_audio(run.path / song.path, np.stack([tone, tone]).astype(np.float32), SAMPLE_RATE)
    return run


async def drawn(pilot: Pilot[None], settle: Settle) -> None:
    """Waits until the song under the cursor is decoded."""
    async with asyncio.timeout(20):
        await settle(pilot)
        while (view := pilot.app.screen.query_one(SoundView)).sound is None and view.notice in ("", "decoding …"):
            await settle(pilot)


async def test_the_monitor_leads_to_the_songs_and_each_is_drawn_and_fetched(
    sung: RunDirectory, make_app: MakeApp, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.9 50000 203.0.113.7 22")
    app = make_app("monitor", run=sung)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("a")
        await drawn(pilot, settle)
        assert isinstance(app.screen, ListenScreen)
        view = app.screen.query_one(SoundView)
        assert view.sound is not None
        assert view.sound.seconds == pytest.approx(4.0, abs=0.1)
        first = view.sound
        await pilot.press("j")
        async with asyncio.timeout(20):
            while view.sound is first:
                await settle(pilot)
        await pilot.press("c")
        assert isinstance(app.screen, LineScreen)
        assert app.clipboard.endswith(f"203.0.113.7:{sung.path}/samples/step-00000100/1-waltz.flac .")
        await pilot.press("escape", "b")
        assert not isinstance(app.screen, ListenScreen)


async def test_a_song_that_is_gone_is_told_and_a_new_one_appears(
    sung: RunDirectory, make_app: MakeApp, settle: Settle
) -> None:
    (sung.path / SONGS[0].path).unlink()
    app = make_app("listen", run=sung)
    async with app.run_test() as pilot:
        await drawn(pilot, settle)
        view, screen = app.screen.query_one(SoundView), app.screen
        assert isinstance(screen, ListenScreen)
        assert view.sound is None
        assert view.notice
        with EventWriter(sung.events_file) as writer:
            writer.write(sample(200))
        screen.read()
        await settle(pilot)
        assert screen.query_one(KeyTable).row_count == 5


async def test_a_run_without_songs_has_no_key_for_them(make_run: MakeRun, make_app: MakeApp, settle: Settle) -> None:
    run = make_run("silent", events=[ev.RunStarted(job="train", pid=1, host="b", device="cpu", version="0")])
    app = make_app("monitor", run=run)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("a")
        assert not isinstance(app.screen, ListenScreen)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_listening_looks(
    size: tuple[int, int], sung: RunDirectory, snap_compare: Any, make_app: MakeApp, settle: Settle
) -> None:
    async def prepare(pilot: Pilot[None]) -> None:
        await drawn(pilot, settle)

    assert snap_compare(make_app("listen", run=sung), terminal_size=size, run_before=prepare)


async def test_the_cursor_stays_on_its_song_when_the_terminal_changes_its_size(
    make_app: MakeApp, sung: RunDirectory, settle: Settle
) -> None:
    app = make_app("listen", run=sung)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("down", "down")
        await settle(pilot)
        before = app.screen.query_one(KeyTable).current_key
        await pilot.resize_terminal(100, 30)
        await settle(pilot)
        table = app.screen.query_one(KeyTable)
        assert (table.cursor_row, table.current_key) == (2, before)


async def test_a_run_that_is_removed_under_the_screen_ends_nothing(
    sung: RunDirectory, make_app: MakeApp, settle: Settle
) -> None:
    """The thread that looks for new songs took the application with it."""
    app = make_app("listen", run=sung)
    async with app.run_test() as pilot:
        await drawn(pilot, settle)
        screen = app.screen
        assert isinstance(screen, ListenScreen)
        shutil.rmtree(sung.path)
        screen.read()
        await settle(pilot)
        assert app.screen is screen
        assert screen.query_one(KeyTable).row_count == 4
    async with make_app("listen", run=sung).run_test() as pilot:
        await settle(pilot)
        assert pilot.app.screen.query_one(SoundView).notice == "This is not a run."


async def test_a_run_of_many_events_is_read_once(
    sung: RunDirectory, make_app: MakeApp, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every two seconds all of its log was read and decoded again, while somebody leafed through the songs."""
    app = make_app("listen", run=sung)
    async with app.run_test() as pilot:
        await drawn(pilot, settle)
        screen = app.screen
        assert isinstance(screen, ListenScreen)
        read: list[object] = []
        monkeypatch.setattr(follow, "replay", lambda events, state: replay(read.append(one) or one for one in events))
        with EventWriter(sung.events_file) as writer:
            writer.write(sample(200))
        screen.read()
        await settle(pilot)
        assert [type(one) for one in read] == [ev.SampleWritten]


async def test_a_name_is_no_markup_and_its_picture_no_other_song_s(
    make_run: MakeRun, make_app: MakeApp, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The title lost `[red]`, and stood above the song before until the one that it names was decoded."""
    go_on = threading.Event()
    songs = [sample(None, "one [red]"), sample(None, "two [bold $x]")]
    run = make_run(
        "made", "generate", [ev.RunStarted(job="generate", pid=1, host="b", device="cpu", version="0"), *songs]
    )
    tone = np.sin(2 * np.pi * 220 * np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE)
    for song in songs:
        write_audio(run.path / song.path, np.stack([tone, tone]).astype(np.float32), SAMPLE_RATE)
    app = make_app("listen", run=run)
    async with app.run_test() as pilot:
        await drawn(pilot, settle)
        view = app.screen.query_one(SoundView)
        assert "one [red]" in shown(app)
        look_at = listener.look_at
        monkeypatch.setattr(listener, "look_at", lambda path: (go_on.wait(10), look_at(path))[1])
        await pilot.press("j")
        await pilot.pause()
        assert "╭─ two [bold $x] ─" in shown(app)
        assert (view.sound, view.notice) == (None, "decoding …")
        go_on.set()
        await drawn(pilot, settle)
        drawn_now = view.sound
        await pilot.resize_terminal(100, 30)
        await settle(pilot)
        assert view.sound is drawn_now, "nothing is decoded anew for another size"


async def test_a_small_terminal_has_room_for_the_picture(sung: RunDirectory, make_app: MakeApp, settle: Settle) -> None:
    """In fifteen lines it had two, which stayed empty, and the columns were wider than the table."""
    app = make_app("listen", run=sung)
    async with app.run_test(size=(60, 15)) as pilot:
        await drawn(pilot, settle)
        table = app.screen.query_one(KeyTable)
        assert table.virtual_size.width <= table.size.width
        assert "LUFS" in shown(app)
