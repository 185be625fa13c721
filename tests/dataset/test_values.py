"""What people write, read into what the model expects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep_tui.dataset import values
from sidestep_tui.dataset.fields import FIELDS, METADATA_FIELDS
from sidestep_tui.dataset.song import DatasetMetadata, Song
from sidestep_tui.dataset.text import printable

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("D major", "D major"), ("A minor", "A minor"), ("Amin", "A minor"), ("Am", "A minor"), ("F#m", "F# minor"),
        ("Bb maj", "Bb major"), ("bb", "Bb major"), ("B", "B major"), ("Bm", "B minor"), ("Bbm", "Bb minor"),
        ("C♯ minor", "C# minor"), ("E♭", "Eb major"), ("A-flat major", "Ab major"), ("F sharp minor", "F# minor"),
        ("CM", "C major"), ("Cm", "C minor"), ("c_minor", "C minor"), ("G:min", "G minor"), ("d moll", "D minor"),
        ("F#/Gb minor", "F# minor"), ("8A", "A minor"), ("8B", "C major"), ("12b", "E major"), ("01A", "Ab minor"),
        ("10B", "D major"), ("", None), (None, None), ("N/A", None), ("unknown", None),
        ("A小调", "A minor"), ("D 大調", "D major"), ("升F小调", "F# minor"), ("降B大调", "Bb major"),
    ],
)  # fmt: skip
def test_keys(written: object, key: str | None) -> None:
    assert values.read_key(written) == key


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(12.5, 12.5), ("12.5 s", 12.5), ("1:02,5", 62.5), ("0", 0.0), (0, 0.0), (None, None), ("", None)],
)
def test_places_in_a_song(written: object, seconds: float | None) -> None:
    assert values.read_seconds(written) == seconds


@pytest.mark.parametrize("written", ["soon", -1, "1e3", "1:2:3", float("nan"), True, 1e9])
def test_what_is_no_place_in_a_song_is_refused(written: object) -> None:
    with pytest.raises(ValueError):
        values.read_seconds(written)


def test_gains_and_loudness() -> None:
    assert (values.read_gain("+6 dB"), values.read_gain(-3.456), values.read_gain("none")) == (6.0, -3.46, None)
    assert (values.read_lufs("-14 LUFS"), values.read_normalization("LUFS")) == (-14.0, "lufs")
    assert (values.read_normalization("none"), values.read_normalization(None)) == ("none", None)
    for read, written in ((values.read_gain, 61), (values.read_lufs, 3), (values.read_normalization, "loud")):
        with pytest.raises(ValueError):
            read(written)


@pytest.mark.parametrize("written", ["H major", "C mixolydian", "升F#小调", "小调", "loud", 7, "13A", ["C"]])
def test_what_is_no_key_is_refused(written: object) -> None:
    with pytest.raises(ValueError):
        values.read_key(written)


@pytest.mark.parametrize(
    ("written", "bpm"),
    [(190, 190), ("190", 190), ("190 BPM", 190), ("120.5", 121), ("119,4", 119), (120.49, 120), (0, None), (None, None),
     ("N/A", None), ("", None)],
)  # fmt: skip
def test_tempos(written: object, bpm: int | None) -> None:
    assert values.read_bpm(written) == bpm


@pytest.mark.parametrize("written", ["fast", -1, True, 10**400, float("nan"), float("inf"), [120], "1e3", "120 Hz"])
def test_what_is_no_tempo_is_refused(written: object) -> None:
    with pytest.raises(ValueError):
        values.read_bpm(written)


@pytest.mark.parametrize(
    ("written", "beats"),
    [
        ("4/4", "4"),
        (4, "4"),
        ("4", "4"),
        (3.0, "3"),
        ("6/8", "6"),
        (" 3 / 4 ", "3"),
        (None, None),
        ("", None),
        ("3/4拍", "3"),
    ],
)
def test_time_signatures(written: object, beats: str | None) -> None:
    assert values.read_timesignature(written) == beats


@pytest.mark.parametrize(
    ("written", "code"),
    [("ja", "ja"), ("Japanese", "ja"), ("JP", "ja"), ("ja-JP", "ja"), ("en_US", "en"), ("zh-Hans", "zh"),
     ("yue", "yue"), ("unknown", None), ("한국어", "ko")],
)  # fmt: skip
def test_languages(written: str, code: str | None) -> None:
    assert values.read_language(written) == code


@pytest.mark.parametrize(("written", "flag"), [(True, True), ("no", False), (1, True), ("Yes", True), (None, None)])
def test_flags(written: object, flag: bool | None) -> None:
    assert values.read_flag(written) is flag


def test_text_loses_escapes_and_control_characters_but_keeps_every_script() -> None:
    written = "\ufeffred \x1b[31malert\x1b[0m\x07 \x1b]0;title\x07日本語\r\nعربي 🎷 [brackets]  \n"
    assert values.read_text(written) == "red alert 日本語\nعربي 🎷 [brackets]"


def test_lists_of_texts_are_joined() -> None:
    assert values.read_text(["j-pop", "fast"]) == "j-pop, fast"
    assert values.read_lines(["one", "two"]) == "one\ntwo"


@given(ANYTHING)
def test_every_reader_reads_or_refuses_anything(written: object) -> None:
    for field in (*FIELDS.values(), *METADATA_FIELDS.values()):
        try:
            read = field.read(written)
        except ValueError as error:
            refusal = str(error)
        else:
            refusal = ""
            assert read is None or field.read(read) == read, "reading what was read changes nothing"
        assert printable(refusal) == refusal


def test_every_declared_field_is_one_of_the_song_or_data_set_with_the_same_default() -> None:
    for fields, owner in ((FIELDS, Song), (METADATA_FIELDS, DatasetMetadata)):
        for field in fields.values():
            assert owner.__dataclass_fields__[field.name].default == field.default
