"""What the tests of the presets screens share: reading the screen, pasting, presets of one's own."""

import json

from textual.pilot import Pilot
from textual.widgets import Static, TextArea

from sidestep_tui.config.presets.keeping import save_preset
from sidestep_tui.config.presets.preset import Preset
from sidestep_tui.tui.widgets.table import KeyTable

OLD = json.dumps({"name": "old one", "rank": 16, "alpha": 32, "optimizer_type": "adamw8bit-x", "shift": 3.0})


def mine(name: str = "a of mine") -> Preset:
    preset = Preset(name, "for [brackets]", {"adapter": {"rank": 24}})
    save_preset(preset)
    return preset


def text(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one("#text", Static).content)


def names(pilot: Pilot[None]) -> list[str]:
    table = pilot.app.screen.query_one(KeyTable)
    return [str(table.get_row_at(row)[1]) for row in range(table.row_count)]


async def paste(pilot: Pilot[None], what: str) -> None:
    await pilot.press("i")
    await pilot.pause()
    pilot.app.screen.query_one(TextArea).text = what
    await pilot.press("ctrl+s")
    await pilot.pause()
