"""Zoom, pan and cursor over an axis from 0 to 1000."""

from hypothesis import given
from hypothesis import strategies as st

from sidestep_tui.tui.chart.window import Window

FIRST, LAST = 0.0, 1000.0


def test_the_whole_follows_what_comes() -> None:
    assert Window().span(FIRST, LAST) == (0, 1000)
    assert Window().span(FIRST, 2000) == (0, 2000)


def test_zoom_without_a_cursor_keeps_the_newest() -> None:
    assert Window().zoom(0.5, FIRST, LAST).span(FIRST, LAST) == (500, 1000)


def test_zoom_keeps_the_cursor_where_it_is_on_the_screen() -> None:
    assert Window(cursor=250).zoom(0.5, FIRST, LAST).span(FIRST, LAST) == (125, 625)


def test_zooming_out_ends_at_the_whole() -> None:
    window = Window().zoom(0.5, FIRST, LAST).zoom(2, FIRST, LAST)
    assert window == Window()


def test_panning_stops_at_the_ends() -> None:
    window = Window(low=500, high=1000)
    assert window.pan(-0.5, FIRST, LAST).span(FIRST, LAST) == (250, 750)
    assert window.pan(1, FIRST, LAST).span(FIRST, LAST) == (500, 1000)
    assert window.pan(-9, FIRST, LAST).span(FIRST, LAST) == (0, 500)


def test_the_cursor_begins_at_the_newest_and_takes_the_window_along() -> None:
    window = Window(low=500, high=1000)
    assert window.move_cursor(-0.1, FIRST, LAST).cursor == 950
    moved = Window(low=500, high=1000, cursor=510).move_cursor(-0.1, FIRST, LAST)
    assert moved.cursor == 460
    assert moved.span(FIRST, LAST) == (460, 960)


MOVES = st.lists(st.tuples(st.sampled_from(["zoom", "pan", "move_cursor"]), st.sampled_from([-0.5, 0.25, 0.5, 2.0])))


@given(MOVES)
def test_no_sequence_of_keys_leaves_the_data(moves: list[tuple[str, float]]) -> None:
    window = Window()
    for name, amount in moves:
        amount = abs(amount) if name == "zoom" else amount
        window = getattr(window, name)(amount, FIRST, LAST)
        low, high = window.span(FIRST, LAST)
        assert FIRST <= low < high <= LAST
        assert window.cursor is None or FIRST <= window.cursor <= LAST
