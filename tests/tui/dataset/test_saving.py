"""Edits are kept: saved, brought back after a crash, never lost by leaving or by another session."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sidestep_tui.dataset.session import open_session
from sidestep_tui.errors import SidestepError
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.dataset.screen import ReviewScreen
from sidestep_tui.tui.dataset.summary import Summary
from sidestep_tui.tui.home.screen import HomeScreen
from sidestep_tui.tui.widgets.bars import TopBar
from sidestep_tui.tui.wizard.dialogs import AskScreen, PickScreen

from .conftest import OpenReview, drawn, notes, screen, table

Eventually = Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]]
MakeApp = Callable[..., SidestepApp]


async def test_saving_writes_the_data_set_and_empties_the_journal(
    open_review: OpenReview, album: Path, eventually: Eventually
) -> None:
    async with open_review(album, (80, 24), "v") as pilot:
        assert (album / ".sidestep-edits.jsonl").exists()
        await pilot.press("w")
        await eventually(pilot, lambda: "Saved" in notes(pilot))
        assert "unsaved" not in str(screen(pilot).query_one(Summary).render())
    samples = json.loads((album / "dataset.json").read_text())["samples"]
    assert [sample["reviewed"] for sample in samples] == [True, False, False, False, False, False]
    assert not (album / ".sidestep-edits.jsonl").exists()


async def test_another_session_is_not_overwritten_silently(
    open_review: OpenReview, album: Path, eventually: Eventually
) -> None:
    session = open_session(album)
    session.save()
    file = album / "dataset.json"
    async with open_review(file) as pilot:
        other = open_session(file)
        other.edit(["02 rain.wav"], {"bpm": 99})
        other.save()
        theirs = file.read_text()
        await pilot.press("v", "w")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
        await pilot.press("escape")
        await pilot.pause()
        assert file.read_text() == theirs
        await pilot.press("w")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
        await pilot.press("down", "enter")
        await eventually(pilot, lambda: "Saved" in notes(pilot))
    assert file.with_name("dataset.json.bak").read_text() == theirs
    assert json.loads(file.read_text())["samples"][0]["reviewed"]


async def test_a_data_set_saved_under_another_name_is_that_one_from_now_on(
    open_review: OpenReview, album: Path, eventually: Eventually
) -> None:
    open_session(album).save()
    async with open_review(album / "dataset.json") as pilot:
        other = open_session(album / "dataset.json")
        other.edit(["02 rain.wav"], {"bpm": 99})
        other.save()
        await pilot.press("v", "w")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
        await pilot.press("enter")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, AskScreen))
        await pilot.press("enter")
        await eventually(pilot, lambda: "Saved" in notes(pilot))
        assert screen(pilot).query_one(TopBar).context == str(album / "dataset-2.json")
        await pilot.press("v", "w")
        await eventually(pilot, lambda: notes(pilot).count("Saved") == 2)
    names = [[sample["reviewed"] for sample in json.loads((album / name).read_text())["samples"]]
             for name in ("dataset.json", "dataset-2.json")]  # fmt: skip
    assert [sum(reviewed) for reviewed in names] == [0, 2]


async def test_unsaved_edits_come_back_after_a_crash(open_review: OpenReview, album: Path) -> None:
    session = open_session(album)
    session.edit(["01 waltz.wav"], {"bpm": 61})
    async with open_review(album) as pilot:  # nobody closed the session
        assert " 61 " in drawn(pilot)[0]
        assert "1 unsaved edit of an earlier session is back" in notes(pilot)
        assert "1 unsaved" in str(screen(pilot).query_one(Summary).render())
        await pilot.press("u")
        assert " 92 " in drawn(pilot)[0]


async def test_edits_that_were_all_undone_do_not_come_back(open_review: OpenReview, album: Path) -> None:
    """It said that 0 edits were back, which w saves and u undoes."""
    session = open_session(album)
    session.edit(["01 waltz.wav"], {"bpm": 61})
    session.undo()
    async with open_review(album) as pilot:
        assert not notes(pilot)


@pytest.mark.parametrize(("downs", "saved"), [(0, True), (1, False)])
async def test_leaving_with_unsaved_edits_is_asked_about_and_safe(
    open_review: OpenReview, album: Path, eventually: Eventually, downs: int, saved: bool
) -> None:
    async with open_review(album, (80, 24), "v", "escape") as pilot:
        await eventually(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
        await pilot.press(*["down"] * downs, "enter")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
    assert (album / "dataset.json").exists() == saved
    assert (album / ".sidestep-edits.jsonl").exists() != saved


async def test_staying_loses_nothing(open_review: OpenReview, album: Path, eventually: Eventually) -> None:
    async with open_review(album, (80, 24), "v", "escape") as pilot:
        await eventually(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
        await pilot.press("escape")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        assert screen(pilot).review.session.has_unsaved_edits
        assert "1 unsaved edit" in (screen(pilot).leave_question() or "")


async def test_without_edits_it_leaves_at_once(open_review: OpenReview, album: Path, eventually: Eventually) -> None:
    async with open_review(album, (80, 24), "escape") as pilot:
        await eventually(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))


async def test_an_edit_that_cannot_be_kept_is_told_and_not_made(
    open_review: OpenReview, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise SidestepError("The edit cannot be kept safe.", fix="make the folder writable")

    async with open_review(album) as pilot:
        monkeypatch.setattr(screen(pilot).review.session, "edit", refuse)
        await pilot.press("v")
        assert "cannot be kept safe" in notes(pilot)
        assert not screen(pilot).review.reviewed
        assert table(pilot).cursor == 0
