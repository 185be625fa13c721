"""The catalogues hold the texts of the code, all of them translated, and what the program reads is what was written."""

import re
from string import Formatter

import pytest
from babel.messages.catalog import Message

from sidestep_tui.texts import open_catalogue
from sidestep_tui.texts.language import LANGUAGES, SOURCE
from tools.texts import CATALOGUES, read_catalogue, untranslated

_TAG = re.compile(r"\[/?[a-z$][^\]]*\]")
translated = pytest.mark.parametrize("catalogue", [(n, kind) for n in LANGUAGES if n != SOURCE for kind in CATALOGUES])


def forms(text: object) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)  # type: ignore[call-overload]


def pairs(catalogue: tuple[str, str]) -> list[tuple[str, str]]:
    """Every form of every translation, beside the text that it is checked against."""
    messages: list[Message] = [message for message in read_catalogue(*catalogue) if message.id]
    return [(forms(message.id)[-1], form) for message in messages for form in forms(message.string)]


@translated
def test_it_holds_the_texts_of_the_code_and_no_others(catalogue: tuple[str, str]) -> None:
    kept = {message.id for message in read_catalogue(*catalogue)}
    assert kept == {message.id for message in CATALOGUES[catalogue[1]]()}, "run `make texts`"


@translated
def test_every_text_is_translated(catalogue: tuple[str, str]) -> None:
    texts = read_catalogue(*catalogue)
    assert untranslated(texts) == []
    assert not any(message.fuzzy for message in texts if message.id)


@translated
def test_the_compiled_catalogue_is_current(catalogue: tuple[str, str]) -> None:
    texts = open_catalogue("".join(catalogue))
    for message in read_catalogue(*catalogue):
        if message.id and isinstance(message.id, str):
            assert texts.gettext(message.id) == message.string, "run `make texts`"
        elif message.id:
            assert texts.ngettext(*message.id, 2) == message.string[-1], "run `make texts`"


@translated
def test_placeholders_and_markup_agree(catalogue: tuple[str, str]) -> None:
    for text, translation in pairs(catalogue):
        assert fields(translation) == fields(text), f"{text!r}: {translation!r}"
        assert sorted(_TAG.findall(translation)) == sorted(_TAG.findall(text)), f"{text!r}: {translation!r}"


@translated
def test_ends_agree(catalogue: tuple[str, str]) -> None:
    """What is put together with other texts keeps its spaces and line breaks; wide punctuation has its own room."""
    for text, translation in pairs(catalogue):
        for at in (0, -1):
            assert text[at].isspace() == translation[at].isspace() or translation[at] in "（），；：。？", (
                f"{text!r}: {translation!r}"
            )


def fields(text: str) -> list[tuple[str, str | None]]:
    """What is filled in, with its format; texts that no one formats may hold braces as they like."""
    try:
        return sorted((name, form) for _, name, form, _ in Formatter().parse(text) if name)
    except ValueError:
        return []
