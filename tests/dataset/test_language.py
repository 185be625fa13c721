"""The language of lyrics from their script."""

import pytest

from sidestep_tui.dataset.language import LANGUAGES, guess_language


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
