"""How the presets screens look."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from sidestep_tui.config.presets.preset import Preset
from sidestep_tui.config.presets.shelf import (
    Damaged,
    Shelf,
    read_shelf,
)
from sidestep_tui.errors import SidestepError
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.presets import screen as screen_module

from ..conftest import SIZES
from .support import OLD, paste

MakeApp = Callable[..., SidestepApp]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "keys", [(), ("c", "down", "down"), ("down", "down", "down", "i")], ids=["list", "compare", "import"]
)
def test_presets_look(keys: tuple[str, ...], size: tuple[int, int], snap_compare: Any, make_app: MakeApp) -> None:
    assert snap_compare(make_app("presets"), terminal_size=size, press=keys)


def test_import_report_looks(snap_compare: Any, make_app: MakeApp) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await pilot.pause()
        await paste(pilot, OLD)

    assert snap_compare(make_app("presets"), terminal_size=(80, 24), run_before=run)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_presets_of_all_levels_look(
    size: tuple[int, int], snap_compare: Any, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One's own, one for this folder that hides a shipped one, and one that is damaged; paths as on every machine."""
    damaged = SidestepError(
        "The preset is not JSON: Expecting ',' delimiter, line 3, column 5.", fix="correct it there"
    )
    shelf = read_shelf(Path.cwd())
    style = next(preset for preset in shelf.presets if preset.name == "style")
    here = replace(style, level="local", path=Path("/songs/presets.sidestep/style.json"))
    whole = [here, Preset("我的声音", "for [brackets]", {"adapter": {"rank": 24}}, path=Path("/home/me/a.json"))]
    whole += [preset for preset in shelf.presets if preset != style]
    torn = Damaged("torn", "user", Path("/home/me/torn.json"), damaged)
    monkeypatch.setattr(screen_module, "read_shelf", lambda _folder: Shelf(tuple(whole), (style,), (torn,)))
    assert snap_compare(make_app("presets"), terminal_size=size, press=("down",))


async def _paste_broken(pilot: Pilot[None]) -> None:
    await pilot.pause()
    await paste(pilot, '{\n  "name": "mine"\n  "settings": {}\n}')


def test_a_broken_import_looks(snap_compare: Any, make_app: MakeApp) -> None:
    assert snap_compare(make_app("presets"), terminal_size=(80, 24), run_before=_paste_broken)
