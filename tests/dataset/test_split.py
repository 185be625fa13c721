"""Songs that are held out of training: chosen by number, saved with the data set, taken back by a smaller number."""

from pathlib import Path

from sidestep_tui.dataset.acestep_json import read_dataset_file
from sidestep_tui.dataset.session import EditSession, open_session
from sidestep_tui.dataset.split import hold_out
from tests.dataset.conftest import MakeSong


def _held(session: EditSession) -> set[str]:
    return {song.key for song in session.dataset.songs if song.held_out}


def test_a_number_of_songs_is_held_out_and_saved(make_song: MakeSong, root: Path) -> None:
    for number in range(9):
        make_song(f"{number}.wav")
    session = open_session(root)
    assert hold_out(session.dataset, 0) == ()
    session.edit(["7.wav"], {"held_out": "yes"})
    session.apply_all(hold_out(session.dataset, 3))
    three = _held(session)
    assert len(three) == 3
    assert "7.wav" in three  # a person's choice stays
    session.apply_all(hold_out(session.dataset, 5))
    assert _held(session) > three
    session.undo()
    assert _held(session) == three
    saved = session.save().saved
    assert saved is not None
    again = read_dataset_file(saved.path)
    assert {song.key for song in again.songs if song.held_out} == three
    assert all("held_out" not in song.sources for song in again.songs if not song.held_out)


def test_something_is_left_to_train(make_song: MakeSong, root: Path) -> None:
    for number in range(3):
        make_song(f"{number}.wav")
    session = open_session(root)
    session.apply_all(hold_out(session.dataset, 10))
    assert len(_held(session)) == 2
    session.apply_all(hold_out(session.dataset, 0))
    assert _held(session) == set()
