"""The language of lyrics from their script."""

import subprocess
import sys
from pathlib import Path

import pytest

from sidestep_tui.dataset import song_findings
from sidestep_tui.dataset.findings import check_dataset
from sidestep_tui.dataset.language import LANGUAGES, LanguageGuess, detect_language, guess_language
from sidestep_tui.dataset.song import Dataset
from tests.dataset.conftest import song


@pytest.mark.parametrize(
    ("lyrics", "code"),
    [
        ("[Verse]\n愛してる、ずっと", "ja"), ("我爱你 永远", "zh"), ("사랑해요", "ko"), ("Я тебя люблю", "ru"),
        ("Я тебе кохаю і їду", "uk"), ("أحبك كثيرا", "ar"), ("دوستت دارم پدر", "fa"), ("אני אוהב אותך", "he"),
        ("ฉันรักเธอ", "th"), ("Σ' αγαπώ", "el"), ("मैं तुमसे प्यार", "hi"), ("I love you", None), ("Je t'aime, déjà", None),
        ("[Verse]\n[Chorus]", None), ("", None), ("baby 愛してる tonight 君だけ", "ja"),
        ("I only said sayonara once in this long English song, 愛", None),
    ],
)  # fmt: skip
def test_script_tells_the_language(lyrics: str, code: str | None) -> None:
    assert guess_language(lyrics) == code
    assert code is None or code in LANGUAGES


@pytest.mark.parametrize(
    ("code", "lyrics"),
    [
        ("en", "Walking down the empty street\nEchoes dancing at my feet\nWe are the stars tonight"),
        ("de", "[Chorus]\nDer Regen fällt auf Stein\nich bin so allein\nund keiner kommt herein"),
        ("fr", "l'été s'en va doucement\nje t'attends sous la pluie"),
        ("es", "La lluvia cae sobre mi corazón\ny no puedo olvidar tu voz"),
        ("pl", "Deszcz pada na mój dom\na ja wciąż czekam na ciebie"),
        ("fi", "Sataa vettä kadulle\nodotan sinua yhä"),
    ],
)
def test_words_in_latin_letters_tell_their_language(code: str, lyrics: str) -> None:
    guess = detect_language(lyrics)
    assert guess is not None
    assert guess.code == code
    assert guess.confidence is not None
    assert 0.5 <= guess.confidence <= 1


@pytest.mark.parametrize("lyrics", ["", "la la la", "oh oh oh yeah yeah na na na", "[Verse]\n[Chorus]\n1 2 3"])
def test_a_few_syllables_are_of_no_language(lyrics: str) -> None:
    assert detect_language(lyrics) is None


def test_a_script_needs_no_words() -> None:
    assert detect_language("夜に駆ける") == LanguageGuess("ja", None)


def test_lyrics_that_contradict_their_language_are_found() -> None:
    lyrics = "Walking down the empty street\nEchoes dancing at my feet\nWe are the stars tonight"

    def codes(language: str) -> list[str]:
        dataset = Dataset(root=Path("/music"), songs=(song(lyrics=lyrics, language=language, caption="a b c"),))
        return [finding.code for finding in check_dataset(dataset) if "language" in finding.code]

    assert codes("fr") == ["language-mismatch"]
    assert codes("en") == []


def test_a_language_is_not_contradicted_by_a_guess_that_is_less_than_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = Dataset(root=Path("/music"), songs=(song(lyrics="any words", language="de", caption="a b c"),))
    for sure, found in ((0.89, False), (0.9, True)):
        monkeypatch.setattr(song_findings, "detect_language", lambda _, sure=sure: LanguageGuess("en", sure))
        assert ("language-mismatch" in [finding.code for finding in check_dataset(dataset)]) is found


def test_the_model_of_languages_is_loaded_only_when_words_are_read() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, sidestep_tui.dataset.findings as f; print('py3langid' in sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "False"
