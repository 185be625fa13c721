"""Outside text is drawn literally, on one line, without escape codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from sidestep_tui.tui.text import clean, literal, pad, pad_left, shorten, shorten_middle


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b", "alinkb"),
        ("\x1bP1$rq\x1b\\after", "after"),
        ("move\x1b[2J\x1b[Hhome", "movehome"),
        ("bell\x07 null\x00 back\x08", "bell null back"),
        ("one\ntwo\r\nthree", "one two three"),
        ("tab\there", "tab  here"),
        ("right\u202eto left", "rightto left"),
        ("[bold]kept[/bold]", "[bold]kept[/bold]"),
        ("夜に駆ける ♯ é", "夜に駆ける ♯ é"),
    ],
)
def test_clean(raw: str, shown: str) -> None:
    assert clean(raw) == shown


@given(st.text())
def test_nothing_that_moves_a_cursor_survives(text: str) -> None:
    assert not any(character < " " or "\x7f" <= character <= "\x9f" for character in clean(text))


def test_literal_has_no_markup() -> None:
    assert literal("[red]song[/red]").plain == "[red]song[/red]"


@given(st.text(alphabet=st.characters(categories=["L", "N"])), st.integers(0, 40))
def test_shortened_text_fits(text: str, width: int) -> None:
    assert cell_len(shorten(text, width)) <= width
    assert cell_len(shorten_middle(text, width)) <= width
    assert cell_len(pad(text, width)) == width
    assert cell_len(pad_left(text, width)) == width


def test_a_path_keeps_both_ends() -> None:
    shown = shorten_middle("/home/someone/music/album/song.flac", 20)
    assert shown.startswith("/home")
    assert shown.endswith("song.flac")
    assert "…" in shown
