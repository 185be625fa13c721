"""The texts that people read, in their language: `_()` and `ngettext()` over one catalogue for each language.

The English text in the code is both the source and the fallback. The language is settled when the process first
imports this, so texts of classes and modules may be translated where they are written. Texts with values are
templates, filled afterwards: `_("{count} songs").format(count=3)`. What machines read (JSON, events, logs) never
passes through here.

`make texts` brings the catalogues up to date with the code; `sidestep_tui.texts.language` says who chooses.
"""

from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final

from sidestep_tui.texts.language import SOURCE, chosen_language

FOLDER: Final = Path(__file__).parent


def open_catalogue(name: str) -> NullTranslations:
    """The texts of a language; those of the source language are the texts themselves."""
    if name == SOURCE:
        return NullTranslations()
    with (FOLDER / f"{name}.mo").open("rb") as file:
        return GNUTranslations(file)


LANGUAGE: Final = chosen_language()
"""The language of this process."""

_CATALOGUE: Final = open_catalogue(LANGUAGE)


def _(text: str) -> str:
    """The text in the language of this process."""
    return _CATALOGUE.gettext(text) if text else ""  # to gettext the empty text means the catalogue's own heading


def ngettext(one: str, many: str, count: int) -> str:
    """The text that fits the count, in the language of this process."""
    return _CATALOGUE.ngettext(one, many, count)
