"""Labelling by models of this machine: which folders the review asks for, and what it takes them for."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.dataset import label_screen, labelling
from sidestep_tui.tui.wizard.dialogs import AskScreen

from ..conftest import shown
from .conftest import OpenReview

Eventually = Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]]


async def test_the_folder_of_a_local_model_is_the_one_that_was_typed(
    open_review: OpenReview, album: Path, tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine works elsewhere and knows no `~`; a folder that is not there was told by the failed run alone."""
    started: list[RunDirectory] = []
    monkeypatch.setattr(label_screen, "start_engine", lambda _app, run: bool(started.append(run)) or True)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "captioner").mkdir()
    async with open_review(album) as pilot:
        await pilot.press("l", "G", "enter")
        await pilot.pause()
        await pilot.press("down", "enter")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, AskScreen))
        for absent in ("~/no such folder", "~nobody-is-called-so"):
            pilot.app.screen.query_one(Input).value = absent
            await pilot.press("enter")
            assert "there is no such folder" in shown(pilot.app)
        pilot.app.screen.query_one(Input).value = "~/captioner"
        await pilot.press("enter")
        await eventually(pilot, lambda: bool(started))
    settings = started[0].settings()
    assert isinstance(settings, labelling.LabelSettings)
    assert (settings.captioner, settings.transcriber) == (tmp_path / "captioner", None)


async def test_the_language_model_that_is_here_is_meant(
    open_review: OpenReview, album: Path, tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lies in the usual places beside the models that are trained; the larger one writes the better captions."""
    started: list[RunDirectory] = []
    monkeypatch.setattr(label_screen, "start_engine", lambda _app, run: bool(started.append(run)) or True)
    monkeypatch.setattr(labelling, "model_homes", lambda: [tmp_path / "none", tmp_path / "checkpoints"])
    for size in ("0.6B", "1.7B"):
        (tmp_path / "checkpoints" / f"acestep-5Hz-lm-{size}").mkdir(parents=True)
    async with open_review(album, (80, 24)) as pilot:
        await pilot.press("l", "G", "k", "enter")
        await pilot.pause()
        await pilot.press("enter")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, AskScreen))
        assert pilot.app.screen.query_one(Input).value == str(tmp_path / "checkpoints" / "acestep-5Hz-lm-1.7B")
        await pilot.press("enter")
        await eventually(pilot, lambda: "The model that it hears with" in shown(pilot.app))
        await pilot.press("enter")
        await eventually(pilot, lambda: bool(started))
    settings = started[0].settings()
    assert isinstance(settings, labelling.LabelSettings)
    assert (settings.by, settings.codec) == ("acestep", None)
    assert settings.lm == tmp_path / "checkpoints" / "acestep-5Hz-lm-1.7B"
