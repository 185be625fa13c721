"""The lines of the wizard at every width: the value has its room, and the rest gives way."""

import json
from pathlib import Path

import pytest

from sidestep_tui.config.presets.preset import Preset

from ..conftest import shown
from .conftest import OpenWizard
from .support import go_to


def line(screen: str, name: str) -> str:
    return next(line for line in screen.splitlines() if f" {name} " in line)


@pytest.mark.parametrize("width", [48, 60, 79])
async def test_the_settings_have_a_slim_terminal_for_themselves(width: int, open_wizard: OpenWizard) -> None:
    async with open_wizard((width, 20)) as pilot:
        await go_to(pilot, "Adapter")
        drawn = shown(pilot.app)
        assert "Steps" not in drawn
        assert "‹ lora ›" in line(drawn, "family")
        assert "from the rank" in line(drawn, "alpha")
        assert ("default" in line(drawn, "alpha")) is (width >= 60)


async def test_a_resized_wizard_keeps_its_cursor(open_wizard: OpenWizard) -> None:
    async with open_wizard((120, 36)) as pilot:
        await go_to(pilot, "Adapter")
        await pilot.press("down", "down")
        before = pilot.app.focused
        await pilot.resize_terminal(48, 20)
        await pilot.pause()
        assert pilot.app.focused is before
        assert "Steps" not in shown(pilot.app)
        await pilot.resize_terminal(120, 36)
        await pilot.pause()
        assert pilot.app.focused is before
        assert "Steps" in shown(pilot.app)


async def test_a_path_that_was_typed_is_shown_as_far_as_there_is_room(open_wizard: OpenWizard) -> None:
    async with open_wizard((120, 36), {}) as pilot:
        await go_to(pilot, "Data")
        await pilot.press("enter", *"/data/tensors-of-the-album", "enter")
        await pilot.pause()
        assert "/data/tensors-of-the-album " in line(shown(pilot.app), "tensors")


async def test_a_path_ends_before_where_it_comes_from_begins(open_wizard: OpenWizard, tmp_path: Path) -> None:
    """A run that was opened again read `…-v15-turbofile config…`."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"data": {"tensors": "/data/the-tensors-of-a-very-long-album"}}))
    async with open_wizard((80, 24), {}, config=config) as pilot:
        await go_to(pilot, "Data")
        assert "-album file config…" in line(shown(pilot.app), "tensors")


@pytest.mark.parametrize("size", [(80, 18), (100, 20), (60, 15), (48, 16)])
async def test_the_end_of_a_path_is_in_sight_also_beside_a_scroll_bar(
    size: tuple[int, int], open_wizard: OpenWizard
) -> None:
    async with open_wizard(size, {"data.tensors": "/data/the-tensors-of-a-very-long-album"}) as pilot:
        await go_to(pilot, "Data")
        await pilot.press("a")
        await pilot.pause()
        drawn = line(shown(pilot.app), "tensors")
        assert "…" in drawn
        assert "album " in drawn


async def test_a_wide_terminal_tells_a_long_preset_whole(open_wizard: OpenWizard) -> None:
    preset = Preset("two-long-words", "", {"adapter": {"rank": 16}})
    async with open_wizard((120, 36), preset=preset) as pilot:
        await go_to(pilot, "Adapter")
        assert "preset two-long-words" in line(shown(pilot.app), "rank")
