"""Lyrics that an older editor saved: a verse is enough to tell which code page its accents are in."""

import pytest

from sidestep_tui.dataset.text import decode

VERSES = {
    "French": ("cp1252", "J'ai rêvé d'un été à Paris\nOù les garçons chantaient l’amour"),
    "Spanish": ("cp1252", "El corazón está aquí, señor"),
    "Portuguese": ("cp1252", "Não há solidão, coração"),
    "German": ("cp1252", "Ich möchte über den Fluß gehen"),
    "Swedish": ("cp1252", "Å, hur härligt är det här"),
    "Danish": ("cp1252", "Jeg går på æbler og rødgrød"),
    "Italian": ("cp1252", "Perché la città è così lontana"),
    "English": ("cp1252", "Don’t stop believin’\nI can’t go on — naïve café"),
    "Polish": ("cp1250", "Zażółć gęślą jaźń"),
    "Polish on Unix": ("iso8859_2", "Moja miłość śpi już wśród łąk"),
    "Czech": ("cp1250", "Příliš žluťoučký kůň"),
    "Hungarian": ("cp1250", "Szép őszi árnyék\nhűvös tűz ég"),
    "Croatian": ("cp1250", "Noć je mlada, čekam te"),
    "Romanian": ("cp1250", "Te iubesc şi mă gândesc la tine"),
    "Turkish": ("cp1254", "Seni çok özledim güzel kız"),
    "Lithuanian": ("cp1257", "Aš myliu tave širdimi\nžvaigždės šviečia"),
}


@pytest.mark.parametrize("language", VERSES)
def test_a_verse_is_read_in_its_own_encoding(language: str) -> None:
    encoding, verse = VERSES[language]
    decoded = decode(verse.encode(encoding))
    assert (decoded.text, decoded.certain) == (verse, False)


@pytest.mark.parametrize("text", ["Я тебя люблю", "Привет, тихая песня"])
def test_cyrillic_is_no_french(text: str) -> None:
    assert decode(text.encode("cp1251")).text == text
