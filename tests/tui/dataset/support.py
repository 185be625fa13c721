"""What tests of one song's screen read from it."""

from textual.pilot import Pilot
from textual.widgets import Static

from sidestep_tui.tui.dataset.facts import FieldTable, FindingsList
from sidestep_tui.tui.dataset.song_screen import SongScreen


def song_screen(pilot: Pilot[None]) -> SongScreen:
    assert isinstance(pilot.app.screen, SongScreen)
    return pilot.app.screen


def fields(pilot: Pilot[None]) -> dict[str, tuple[str, str]]:
    """Name to value and source, as the table shows them."""
    rows = song_screen(pilot).query_one(FieldTable)
    cells = [[text.plain for text in rows.get_row_at(index)] for index in range(rows.row_count)]
    return {name: (value, source) for name, value, source in cells}


def found(pilot: Pilot[None]) -> str:
    return str(song_screen(pilot).query_one(FindingsList).render())


def prompts(pilot: Pilot[None]) -> str:
    return str(song_screen(pilot).query_one("#prompt-text", Static).render())
