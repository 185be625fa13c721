"""One line of a table is enough to tell Chinese, Japanese and Korean encodings apart."""

import pytest

from sidestep_tui.dataset.east_asian import guess_encoding
from sidestep_tui.dataset.text import decode

HEADER = "File,Artist,Title,BPM,Key,Camelot,Caption\nsong.wav,,,128,A minor,8A,"
TEXTS = {
    "gb18030": ["快节奏的流行", "古风，笛子与古筝，悠扬", "爵士钢琴三重奏", "[主歌]\n夜色温柔\n星光闪烁"],
    "cp932": ["アップテンポなJ-POP", "夜の街を歩いて\nこだまが足元で踊る", "ナユタン星からの物体"],
    "euc_jp": ["アップテンポなJ-POP", "夜の街を歩いて\nこだまが足元で踊る", "ナユタン星からの物体"],
    "cp949": ["빠른 템포의 팝", "빈 거리를 걸으며\n메아리가 발밑에서 춤춘다", "신나는 댄스 음악, 여성 보컬"],
    "big5": ["繁體中文的歌詞，夜色溫柔", "節奏明快的流行歌曲"],
}


@pytest.mark.parametrize("before", ["", HEADER], ids=["alone", "in a table"])
@pytest.mark.parametrize(("encoding", "text"), [(name, text) for name, texts in TEXTS.items() for text in texts])
def test_a_short_text_is_read_in_its_own_encoding(encoding: str, text: str, before: str) -> None:
    decoded = decode((before + text).encode(encoding))
    assert (decoded.text, decoded.certain) == (before + text, False)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("cp1251", "Привет, тихая песня"), ("cp1253", "Καλημέρα κόσμε τραγούδι"), ("cp1250", "Příliš žluťoučký kůň")],
)
def test_other_alphabets_are_left_to_statistics(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)).text == text


def test_capitals_with_accents_before_plain_letters_are_no_chinese() -> None:
    assert guess_encoding("Änderung Ära Ähnlich".encode("cp1252")) is None
