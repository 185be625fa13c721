"""Labelling from the review: started, followed, stopped; what it finds becomes edits that can be undone."""

import json
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from sidestep_tui.dataset.edits import Edit
from sidestep_tui.dataset.proposals import Proposals
from sidestep_tui.dataset.session import load_dataset, open_session
from sidestep_tui.dataset.song import Belief, Source
from sidestep_tui.runs.control import take_commands
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import PhaseChanged, Progress, RunCompleted, RunFailed, RunStarted
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.dataset import label_screen, labelling
from sidestep_tui.tui.dataset.findings_screen import FindingsScreen
from sidestep_tui.tui.dataset.label_line import LabelLine
from sidestep_tui.tui.dataset.screen import ReviewScreen

from .conftest import OpenReview, notes

Eventually = Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]]


def screen(pilot: Pilot[None]) -> ReviewScreen:
    assert isinstance(pilot.app.screen, ReviewScreen)
    return pilot.app.screen


def proposal(key: str, **changes: object) -> Edit:
    return Edit(changes, (key,), Source.GUESSED, {name: Belief("builtin", 0.7, None) for name in changes})


def left_by_a_run(album: Path, *edits: Edit) -> RunDirectory:
    """A labelling run of the album whose engine is gone."""
    settings = labelling.LabelSettings(dataset=album)
    run = labelling.make_run(settings)
    for edit in edits:
        Proposals(run.path).add(edit)
    return run


async def test_what_a_run_found_while_nobody_looked_comes_in(
    make_app: Callable[..., SidestepApp], album: Path, eventually: Eventually
) -> None:
    """Only what is still missing; as one step; once."""
    run = left_by_a_run(
        album, proposal("01 waltz.wav", bpm="184"), proposal("live/06 שיר ארוך.wav", bpm="100", keyscale="C major")
    )
    async with make_app("dataset", path=album).run_test(size=(120, 36)) as pilot:
        await eventually(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        review = screen(pilot).review
        await eventually(pilot, lambda: review.songs["live/06 שיר ארוך.wav"].bpm == 100)
        song = review.songs["live/06 שיר ארוך.wav"]
        assert (song.source("bpm"), song.beliefs["bpm"].confidence) == (Source.GUESSED, 0.7)
        assert review.songs["01 waltz.wav"].bpm == 92
        assert Proposals(run.path).waiting() == []
        await pilot.press("u")
        await pilot.pause()
        assert review.songs["live/06 שיר ארוך.wav"].bpm is None
    assert labelling.open_runs(review.dataset) == []


def test_a_run_on_the_folder_is_found_from_what_was_saved_there_meanwhile(album: Path) -> None:
    """The labelling goes on while the data set is saved and the terminal closed; opened again, it is that file."""
    run = left_by_a_run(album, proposal("live/06 שיר ארוך.wav", bpm="100"))
    open_session(album).save()
    assert [one.run for one in labelling.open_runs(load_dataset(album / "dataset.json"))] == [run]


async def test_who_failed_is_a_key_away(
    make_app: Callable[..., SidestepApp], album: Path, eventually: Eventually
) -> None:
    """The line went on to say how many had failed, and no longer named the key that leads to them."""
    run = left_by_a_run(album, proposal("live/06 שיר ארוך.wav", bpm="100"))
    with EventWriter(run.events_file) as events:
        events.write(Progress(done=6, total=6, unit="songs", item="live/06 שיר ארוך.wav", failed=1))
        events.write(RunCompleted(results={"songs": 6, "labelled": 1, "failed": 1}))
    async with make_app("dataset", path=album).run_test(size=(120, 36)) as pilot:
        await eventually(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        line = screen(pilot).query_one(LabelLine)
        await eventually(pilot, lambda: "1 song got something. u takes back." in notes(pilot))
        assert str(line.render()).endswith("× 1 failed  L")


async def test_a_labelling_that_failed_or_found_nothing_names_no_key_that_undoes(
    make_app: Callable[..., SidestepApp], album: Path, eventually: Eventually
) -> None:
    """It would take back an edit of the person's own."""
    run = left_by_a_run(album)
    with EventWriter(run.events_file) as events, ExitStack() as alive:
        alive.enter_context(run.held())
        events.write(RunStarted(job="label", pid=1, host="", device="cpu", version="", settings={}))
        async with make_app("dataset", path=album).run_test(size=(120, 36)) as pilot:
            await eventually(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
            await eventually(pilot, lambda: screen(pilot).query_one(LabelLine).running is not None)
            events.write(RunFailed(what="No local model is named.", where="captioner, transcriber"))
            alive.close()
            await eventually(pilot, lambda: "Labelling has failed" in notes(pilot))
            assert "No local model is named. L leads to its run." in notes(pilot)
            assert "u takes" not in notes(pilot)


async def test_marked_songs_are_labelled_by_the_chosen_source(
    open_review: OpenReview, album: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[RunDirectory] = []
    monkeypatch.setattr(label_screen, "start_engine", lambda _app, run: bool(started.append(run)) or True)
    monkeypatch.setenv("GEMINI_API_KEY", "secret-word")
    async with open_review(album, (80, 24)) as pilot:
        await pilot.press("space", "l")
        await pilot.pause()
        listed = pilot.app.screen.query_one(OptionList)
        notes = [str(listed.get_option_at_index(index).prompt) for index in range(listed.option_count)]
        assert "key found" in notes[1]
        assert "no OPENAI_API_KEY" in notes[2]
        await pilot.press("down", "enter")
        await pilot.pause()
        await pilot.press("down", "enter")
        await pilot.pause()
        await pilot.press("enter")
        await eventually(pilot, lambda: bool(started) and screen(pilot).query_one(LabelLine).display)
    config = json.loads(started[0].config_file.read_text())
    assert config["settings"]["by"] == "gemini"
    assert config["settings"]["fields"] == ["caption"]
    assert config["settings"]["songs"] == ["01 waltz.wav"]
    assert "secret-word" not in started[0].config_file.read_text()


@pytest.mark.slow
async def test_the_engine_labels_while_the_review_stays_open(
    open_review: OpenReview, album: Path, eventually: Eventually
) -> None:
    """A real engine in the background; keys are answered meanwhile, and it can be stopped or left alone."""
    async with open_review(album) as pilot:
        review = screen(pilot).review
        await pilot.press("l")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("enter")
        deadline = time.monotonic() + 90
        line = screen(pilot).query_one(LabelLine)
        while (line.summary is None or line.summary.condition != "completed") and time.monotonic() < deadline:
            await pilot.press("j")
            await pilot.pause(0.2)
        await pilot.pause()
        assert line.summary is not None
        assert "6 of 6" in str(line.render())
        assert review.songs["live/06 שיר ארוך.wav"].source("language") is not Source.DEFAULT
        assert all(review.measures.known(song) is not None for song in review.songs.values())


def test_a_run_of_another_data_set_is_none_of_ours(album: Path, tmp_path: Path) -> None:
    left_by_a_run(tmp_path / "other", proposal("a.wav", bpm="100"))
    assert labelling.open_runs(load_dataset(album)) == []


async def test_a_labelling_is_stopped_from_the_review(
    make_app: Callable[..., SidestepApp], album: Path, eventually: Eventually
) -> None:
    """The engine is asked to stop; it is never killed."""
    run = left_by_a_run(album, proposal("live/06 שיר ארוך.wav", bpm="100"))
    with EventWriter(run.events_file) as events:
        events.write(RunStarted(job="label", pid=1, host="", device="cpu", version="", settings={}))
    with run.held():
        async with make_app("dataset", path=album).run_test(size=(120, 36)) as pilot:
            await eventually(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
            line = screen(pilot).query_one(LabelLine)
            await eventually(pilot, lambda: line.running is not None)
            await pilot.press("L")
            await pilot.pause()
            await pilot.press("enter")
            await pilot.pause()
            assert [command.name for command in take_commands(run)] == ["stop"]
            assert screen(pilot).review.songs["live/06 שיר ארוך.wav"].bpm == 100, "what was found stays"


async def test_a_labelling_is_followed_whatever_is_opened_while_it_starts(
    open_review: OpenReview, album: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine takes seconds to start; a list that was opened meanwhile kept the review from ever hearing of it."""
    go_on = threading.Event()
    monkeypatch.setattr(label_screen, "start_engine", lambda _app, _run: go_on.wait(10))
    async with open_review(album) as pilot:
        review = screen(pilot)
        for key in ("l", "enter", "enter"):
            await pilot.press(key)
            await pilot.pause()
        await pilot.press("f")
        await pilot.pause()
        assert isinstance(pilot.app.screen, FindingsScreen)
        go_on.set()
        await eventually(pilot, lambda: review.query_one(LabelLine).summary is not None)


async def test_before_the_first_song_the_phase_is_told(
    make_app: Callable[..., SidestepApp], album: Path, eventually: Eventually
) -> None:
    """It said `Labelling labelling`."""
    run = left_by_a_run(album)
    with EventWriter(run.events_file) as events, run.held():
        events.write(RunStarted(job="label", pid=1, host="", device="cpu", version="", settings={}))
        events.write(PhaseChanged(phase="reading the data set", subject=str(album)))
        async with make_app("dataset", path=album).run_test(size=(120, 36)) as pilot:
            await eventually(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
            line = screen(pilot).query_one(LabelLine)
            await eventually(pilot, lambda: line.running is not None)
            assert str(line.render()) == "reading the data set  L"
