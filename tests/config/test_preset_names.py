"""Names of presets: what is a file name everywhere, and what is one name in two spellings."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep_tui.config.presets.names import check_name, name_key
from sidestep_tui.errors import SidestepError


@pytest.mark.parametrize("name", ["a", "My preset 2", "2b-8gb", "v1.2_final", "我的声音", "Ä ö", "เพลง", "console"])
def test_safe_names(name: str) -> None:
    assert check_name(name) == name


UNSAFE = {
    "nothing": "", "above": "..", "slash": "a/b", "backslash": "a\\b", "absolute": "/a", "drive": "C:a",
    "device": "nul", "device with ending": "COM1.tar", "device in wide letters": "ＣＯＮ", "superscript": "com¹",
    "dot at the end": "a.", "space at the end": "a ", "space first": " a", "hidden": ".a", "option": "-a",
    "long": "a" * 65, "long in bytes": "曲" * 64 + "aaaaaaaaaa", "line end": "a\n", "NUL": "a\0b",
    "escape": "a\x1b[31mb", "joiner": "a\u200db", "right to left": "a\u202eb", "half a character": "a\ud800b",
    "ending": "a.json", "question": "a?", "star": "a*", "quote": 'a"', "emoji": "🎵",
}  # fmt: skip


@pytest.mark.parametrize("name", UNSAFE.values(), ids=UNSAFE)
def test_unsafe_names_are_refused_with_a_fix(name: str) -> None:
    with pytest.raises(SidestepError, match="cannot be a preset's name") as caught:
        check_name(name)
    assert caught.value.fix


def test_fixes_fit_the_mistake() -> None:
    for name, words in {"con": "device", "a" * 65: "shorter", "a.json": "ending", "a/b": "letters"}.items():
        with pytest.raises(SidestepError) as caught:
            check_name(name)
        assert words in str(caught.value.fix)


def test_one_name_in_two_spellings() -> None:
    apart = unicodedata.normalize("NFD", "Ärger")
    assert check_name(apart) == "Ärger"
    assert name_key(apart) == name_key("ärger")
    assert name_key("Mine") == name_key("mINE") != name_key("mine2")


@given(st.text(max_size=70))
def test_a_safe_name_is_one_part_of_a_path_and_stays_safe(text: str) -> None:
    try:
        name = check_name(text)
    except SidestepError:
        return
    assert check_name(name) == name
    assert not set(name) & set('/\\:*?"<>|\0')
    assert name[-1] not in ". "
    assert len(f"{name}.json".encode()) < 255
