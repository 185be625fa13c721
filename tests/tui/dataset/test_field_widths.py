"""The fields of a song at the narrowest terminal with two sides: the value has the room that the others do not need."""

from dataclasses import replace
from pathlib import Path

import pytest

from sidestep_tui.dataset.session import load_dataset
from sidestep_tui.dataset.song import Belief, Source
from sidestep_tui.tui.dataset.facts import written_source

from ..conftest import shown
from .conftest import OpenReview


async def test_half_a_line_of_a_caption_can_be_read_at_100_columns(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (100, 30), "enter") as pilot:
        await pilot.pause()
        line = next(line for line in shown(pilot.app).splitlines() if " caption " in line)
        value = line.split("caption", 1)[1].split("caption.txt")[0].strip()
        assert value.startswith("slow waltz")
        assert len(value) >= 18


@pytest.mark.parametrize(("confidence", "written"), [(0.85, "provider 85%"), (None, "provider")])
def test_how_sure_a_value_is_stands_beside_its_source(album: Path, confidence: float | None, written: str) -> None:
    song = load_dataset(album).songs[0]
    guessed = replace(
        song,
        sources={**song.sources, "bpm": Source.PROVIDER},
        beliefs={"bpm": Belief("a model", confidence)},
    )
    assert written_source(guessed, "bpm") == written
