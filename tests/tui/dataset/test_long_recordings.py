"""The sound of a recording that is too long to be drawn whole: how far it is, and what is known of all."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sidestep_tui.dataset import sound as sounds
from sidestep_tui.dataset.label_measures import MeasureCache
from sidestep_tui.dataset.measure import Measures
from sidestep_tui.dataset.session import load_dataset
from sidestep_tui.tui.dataset.sound_view import SoundView

from ..conftest import shown
from .conftest import OpenReview

Eventually = Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]]

KNOWN = Measures(-14.0, 0.5, 0, 0.0, 0.0, False, 16_000.0)


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Songs of two seconds are longer than what is decoded."""
    monkeypatch.setattr(sounds, "FULL_LENGTH", 1.0)


async def drawn(pilot: Pilot[None], eventually: Eventually) -> str:
    """The last line of the sound, once it is decoded."""
    view = pilot.app.screen.query_one(SoundView)
    await eventually(pilot, lambda: view.sound is not None)
    await pilot.pause()
    return next(line for line in shown(pilot.app).splitlines() if "drawn to" in line)


async def test_it_says_how_far_it_is_drawn_and_who_measures_the_rest(
    open_review: OpenReview, album: Path, eventually: Eventually
) -> None:
    async with open_review(album, (100, 30), "enter") as pilot:
        assert "drawn to 0:01  labelling measures it" in await drawn(pilot, eventually)


async def test_what_labelling_has_measured_of_all_of_it_is_shown(
    open_review: OpenReview, album: Path, eventually: Eventually
) -> None:
    MeasureCache().store(load_dataset(album).songs[0], KNOWN)
    async with open_review(album, (120, 36), "enter") as pilot:
        line = await drawn(pilot, eventually)
        assert "drawn to 0:01  -14.0 LUFS  peak -6.0 dB  up to 16" in line
