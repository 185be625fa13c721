"""Lists to pick from on small terminals: the cursor is in sight wherever it is, and every entry is one line."""

import pytest
from textual.pilot import Pilot

from sidestep_tui.tui.widgets.lists import KeyList

from .conftest import OpenWizard


def cursor_is_in_sight(pilot: Pilot[None]) -> bool:
    listing = pilot.app.screen.query_one(KeyList)
    assert listing.highlighted is not None
    row = listing.region.y + listing.highlighted - round(listing.scroll_offset.y)
    dialog = pilot.app.screen.query_one(".dialog").region
    return dialog.y < row < dialog.bottom - 2


@pytest.mark.parametrize("size", [(80, 24), (60, 24), (48, 20)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_cursor_of_a_search_is_in_sight(size: tuple[int, int], open_wizard: OpenWizard) -> None:
    async with open_wizard(size) as pilot:
        await pilot.press("slash")
        await pilot.pause()
        for _ in range(18):
            await pilot.press("down")
            assert cursor_is_in_sight(pilot)


async def test_a_list_follows_the_size_of_its_terminal(open_wizard: OpenWizard) -> None:
    async with open_wizard((120, 36)) as pilot:
        await pilot.press("s", "end")
        at = pilot.app.screen.query_one(KeyList).highlighted
        await pilot.resize_terminal(48, 14)
        await pilot.pause()
        assert pilot.app.screen.query_one(KeyList).highlighted == at
        assert cursor_is_in_sight(pilot)
