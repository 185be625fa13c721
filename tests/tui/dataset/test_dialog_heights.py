"""Editing many songs on small terminals: the keys of the dialog are in sight, whatever stands above them."""

from pathlib import Path

import pytest

from ..conftest import shown
from .conftest import OpenReview


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 20)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_keys_of_a_bulk_edit_are_in_sight(
    size: tuple[int, int], open_review: OpenReview, album: Path
) -> None:
    async with open_review(album, size) as pilot:
        await pilot.press("e")
        await pilot.pause()
        assert "enter set it" in shown(pilot.app)
