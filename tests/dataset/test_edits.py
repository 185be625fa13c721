"""Edits with undo, and the journal that survives a crash."""

import errno
import json
import os
import threading
from pathlib import Path

import pytest

from sidestep_tui.dataset.edits import Edit, History
from sidestep_tui.dataset.journal import JOURNAL_FILE, journal_of
from sidestep_tui.dataset.session import load_dataset, open_session
from sidestep_tui.dataset.song import LyricTime, Source
from sidestep_tui.dataset.where import parse_assignment
from sidestep_tui.errors import SidestepError, UsageError
from tests.dataset.conftest import DATASET, MakeSong, set_fields


def test_a_selection_gets_values_as_sidecars_write_them() -> None:
    edited = set_fields(DATASET, ["a.wav", "b/live.wav"], {"Tempo": "128 BPM", "key": "Bbm", "language": "Japanese"})
    assert [song.bpm for song in edited.songs] == [128, 128, None]
    assert edited.songs[1].keyscale == "Bb minor"
    assert edited.songs[1].source("bpm") == Source.EDITED
    assert edited.songs[1].extra == {"theirs": 1}, "the value that nobody could read is settled"
    assert DATASET.songs[0].bpm == 190
    assert set_fields(edited, ["a.wav"], {"bpm": None}).songs[0].bpm is None


def test_lyrics_bring_their_times_and_keep_those_of_lines_that_stay() -> None:
    timed = set_fields(DATASET, ["a.wav"], {"lyrics": "[00:01.00]one\n[00:02.00]two"})
    assert timed.songs[0].lyrics == "one\ntwo"
    kept = set_fields(timed, ["a.wav"], {"lyrics": "[Verse]\none\nthree"})
    assert kept.songs[0].lyric_times == (LyricTime(1.0, "one"),)
    none = set_fields(timed, ["a.wav"], {"lyrics": "[instrumental]"})
    assert (none.songs[0].lyrics, none.songs[0].is_instrumental) == ("", True)


@pytest.mark.parametrize("changes", [{"bpm": "fast"}, {"colour": 1}, {"repeat": 0}])
def test_impossible_edits_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        History(DATASET).apply(Edit(changes, ("a.wav",)))


def test_undo_and_redo() -> None:
    history = History(DATASET).apply(Edit({"bpm": 100}, ("a.wav",))).apply(Edit({"custom_tag": "xyz"}))
    assert history.present.metadata.custom_tag == "xyz"
    undone = history.undo().undo()
    assert undone.present == DATASET
    assert undone.undo() == undone
    assert undone.redo().redo().present == history.present
    assert undone.redo().apply(Edit({"bpm": 70}, ("c.wav",))).future == ()
    with pytest.raises(UsageError, match="no such song"):
        history.apply(Edit({"bpm": 1}, ("z.wav",)))


def test_assignments() -> None:
    assert parse_assignment("bpm=120") == ("bpm", "120")
    assert parse_assignment("key = F#m")[0] == "keyscale"
    assert parse_assignment("caption=a = b") == ("caption", "a = b")
    assert parse_assignment("bpm=none") == ("bpm", None)
    for text in ("bpm", "=3", "colour=red"):
        with pytest.raises(UsageError):
            parse_assignment(text)


def test_unsaved_edits_survive_a_crash_with_their_undo(make_song: MakeSong, root: Path) -> None:
    make_song("a.wav")
    session = open_session(root)
    session.edit(["a.wav"], {"bpm": "120 BPM"})
    session.edit(["a.wav"], {"caption": "wrong"})
    session.undo()
    session.edit_metadata({"custom_tag": "xyz"})
    with (root / JOURNAL_FILE).open("a") as file:
        file.write('{"dataset": ".", "version": "", "do": {"chan')  # the line that the crash tore
    loaded = load_dataset(root)
    assert (loaded.songs[0].bpm, loaded.songs[0].caption, loaded.metadata.custom_tag) == (120, "", "xyz")
    after = open_session(root)
    assert after.dataset == loaded
    assert after.has_unsaved_edits
    after.edit(["a.wav"], {"genre": "pop"})
    after.undo()
    after.undo()
    assert after.dataset.metadata.custom_tag == ""
    after.redo()
    after.save()
    assert not (root / JOURNAL_FILE).exists()
    assert not after.has_unsaved_edits
    saved = load_dataset(root / "dataset.json")
    assert (saved.songs[0].bpm, saved.metadata.custom_tag, saved.songs[0].genre) == (120, "xyz", "")
    assert saved.songs[0].source("bpm") == Source.EDITED


def test_two_sessions_do_not_overwrite_each_other(make_song: MakeSong, root: Path) -> None:
    make_song("a.wav")
    open_session(root).save()
    path = root / "dataset.json"
    one, two = (open_session(path) for _ in range(2))
    one.edit(["a.wav"], {"bpm": 100})
    two.edit(["a.wav"], {"caption": "two"})
    one.save()
    with pytest.raises(SidestepError, match="another session"):
        two.save()
    reread = load_dataset(path)
    assert (reread.songs[0].bpm, reread.songs[0].caption) == (100, "")
    assert [one.code for one in reread.findings] == ["edits-of-another-version"], "the edits of the second are not lost"
    two.save(root / "second.json")
    assert load_dataset(root / "second.json").songs[0].caption == "two"
    assert load_dataset(path).findings == ()


@pytest.mark.parametrize("line", ['{"do": 5}', '{"do": {"changes": {"bpm": "fast"}, "keys": ["a.wav"]}}', "[]", "\x00"])
def test_a_damaged_journal_costs_only_its_damaged_lines(make_song: MakeSong, root: Path, line: str) -> None:
    make_song("a.wav")
    head = {"dataset": ".", "version": "", "session": "s"}
    good = json.dumps({**head, "do": {"changes": {"bpm": 80}, "keys": ["a.wav"]}})
    damaged = json.dumps({**head, **json.loads(line)}) if line.startswith("{") else line
    (root / JOURNAL_FILE).write_text(f"{damaged}\n{good}\n")
    assert load_dataset(root).songs[0].bpm == 80


def test_a_scanned_folder_says_that_a_saved_data_set_lies_in_it(make_song: MakeSong, root: Path) -> None:
    make_song("a.wav")
    open_session(root).save()
    assert "saved-data-set-beside" in [finding.code for finding in load_dataset(root).findings]
    with pytest.raises(SidestepError, match="does not exist"):
        load_dataset(root / "nothing.json")


def test_an_edit_of_which_a_full_disk_took_a_part_is_not_kept(
    make_song: MakeSong, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_song("a.wav")
    session = open_session(root)
    with monkeypatch.context() as full:
        write = os.write
        full.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:40]))
        with pytest.raises(SidestepError, match="cannot be kept safe") as told:
            session.edit(["a.wav"], {"bpm": 120})
    assert told.value.fix == "free some disk space"
    assert session.dataset.songs[0].bpm is None
    session.edit(["a.wav"], {"genre": "pop"})
    song = load_dataset(root).songs[0]
    assert (song.bpm, song.genre) == (None, "pop")


@pytest.mark.parametrize(
    ("number", "fix"), [(errno.EDQUOT, "free some disk space"), (errno.EROFS, "make its folder writable")]
)
def test_what_to_do_about_an_edit_that_cannot_be_kept_fits_the_reason(
    make_song: MakeSong, root: Path, monkeypatch: pytest.MonkeyPatch, number: int, fix: str
) -> None:
    make_song("a.wav")
    session = open_session(root)

    def refuse(_descriptor: int, _data: bytes) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "write", refuse)
    with pytest.raises(SidestepError, match="cannot be kept safe") as told:
        session.edit(["a.wav"], {"bpm": 120})
    assert str(told.value.fix).startswith(fix)


def test_edits_of_one_step_are_undone_together_and_survive_a_crash(make_song: MakeSong, root: Path) -> None:
    make_song("a.wav")
    make_song("b.wav")
    session = open_session(root)
    session.apply_all([Edit({"bpm": 100}, ("a.wav",)), Edit({"bpm": 120, "keyscale": "Am"}, ("b.wav",))])
    session.apply_all([])
    again = open_session(root)
    assert [song.bpm for song in again.dataset.songs] == [100, 120]
    assert again.edits == 1
    again.undo()
    assert [song.bpm for song in load_dataset(root).songs] == [None, None]
    with pytest.raises(UsageError):
        again.apply_all([Edit({"bpm": 90}, ("a.wav",)), Edit({"bpm": "fast"}, ("b.wav",))])
    assert load_dataset(root).songs[0].bpm is None


def test_an_edit_that_is_kept_while_another_session_saves_is_not_lost(make_song: MakeSong, root: Path) -> None:
    """The other session takes its own lines out of the file that both write to."""
    make_song("a.wav")
    dataset = load_dataset(root)
    editing, saving = journal_of(dataset), journal_of(dataset)
    ended = threading.Event()

    def save_again_and_again() -> None:
        while not ended.is_set():
            saving.record_redo()
            saving.clear()

    other = threading.Thread(target=save_again_and_again)
    other.start()
    try:
        for bpm in range(100, 200):
            editing.record(Edit({"bpm": bpm}, ("a.wav",)))
    finally:
        ended.set()
        other.join()
    assert len(journal_of(dataset).replay(dataset).past) == 100
