"""What runs say in English is said in the language of the people where it is shown; figures within stay."""

import pytest

from sidestep_tui.tui import words
from sidestep_tui.tui.words import said


@pytest.fixture(autouse=True)
def upside_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """A language of capital letters."""
    monkeypatch.setattr(words, "_WORDS", {text: text.upper() for text in words._WORDS})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("40 songs", "40 SONGS"),
        ("7 modules", "7 MODULES"),
        ("asked to stop", "ASKED TO STOP"),
        ("12 songs by whisper (small)", "12 songs by whisper (small)"),
        ("8 steps, shift 3", "8 steps, shift 3"),
        ("song 2 of 3, 50 steps, shift 1: a: b", "song 2 of 3, 50 steps, shift 1: a: b"),
        ("the loss stays below 0.3", "the loss stays below 0.3"),
        ("memory.checkpointing auto", "memory.checkpointing auto"),
        ("40 songs and more", "40 songs and more"),
        ("", ""),
    ],
)
def test_it_is_said_with_its_figures(text: str, expected: str) -> None:
    assert said(text) == expected


def test_each_sentence_keeps_its_values() -> None:
    for pattern, template in words._SENTENCES:
        assert template.format(**dict.fromkeys(pattern.groupindex, "x")).count("x") == len(pattern.groupindex)
