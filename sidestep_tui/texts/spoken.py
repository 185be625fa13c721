"""English texts of the layers below the screens, recognised and said in the language of their reader.

An error, a finding or a warning reaches a screen as English text, often through a file that another process wrote
long ago. So it is not the object that knows its translation: a text is compared with the templates of the catalogue
(`{song} has no caption.`), and the one that fits gives the translation and the values in it.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from gettext import GNUTranslations
from pathlib import Path
from string import Formatter
from typing import Final

from sidestep_tui.texts import FOLDER, LANGUAGE, _
from sidestep_tui.texts.language import SOURCE
from sidestep_tui.texts.mo_file import message_ids

_LEAST_LETTERS: Final = 4
"""A template needs so many of its own: one that is nearly all values would fit any text."""

_LEAST_LETTERS_WITHIN: Final = 6
"""The same for a text within another, which may as well be what a library said: `set {name}` fits many."""

CARRIERS: Final = frozenset(
    {"almost", "cost", "error", "example", "how", "kind", "listed", "message", "problem", "reason", "refusal"}
    | {"said", "steps", "values", "wanted", "what", "why"}
)
"""The places in templates whose value may be a text itself. What stands in any other place (the name of a song, a
caption, a path) is left as it is, however much it reads like one of the texts."""

_FEW_LETTERS: Final = 12
"""A template with fewer that begins with a value takes a name or something quoted for it, and no half sentence."""

_REMEMBERED: Final = 4096
_NAME: Final = r"\S+|'.*?'|\".*?\""
_BETWEEN_SENTENCES: Final = re.compile(r"(?<=[.!?]) (?=\S)")
_AFTER_WIDE: Final = re.compile(r"(?<=[。！？]) ")
"""Wide punctuation has its own room."""

_SETTING: Final = re.compile(r"[\w.]+")
_LISTS: Final = {"; or ": _("; or "), "; ": _("; ")}
_HEADS: Final = {": ": _(": "), ", ": _(", ")}
_HEAD: Final = re.compile("|".join(_HEADS))


class Template:
    """One English text with places for values, and its translation.

    Args:
        text: as `str.format` takes it.
        forms: the message that it belongs to: the text itself, or its singular and plural.
        catalogue: where the translation is found.
    """

    def __init__(self, text: str, forms: tuple[str, ...], catalogue: GNUTranslations) -> None:
        self._text, self._forms, self._catalogue = text, forms, catalogue
        self._pieces = [(literal, name) for literal, name, *_rest in Formatter().parse(text)]
        self.letters = sum(map(len, (literal for literal, _ in self._pieces)))
        self.has_values = any(name is not None for _, name in self._pieces)
        self._own = sorted({literal for literal, _ in self._pieces}, key=len, reverse=True)
        self._pattern: re.Pattern[str] | None = None

    @property
    def plain(self) -> str:
        """The text of a template without values."""
        return "".join(literal for literal, _ in self._pieces)

    def values_in(self, text: str) -> dict[str, str] | None:
        """The values with which the template gives this text; None where it does not."""
        if not all(piece in text for piece in self._own):  # far quicker than the regular expression
            return None
        if self._pattern is None:
            self._pattern = re.compile("".join(self._regular_expression()), re.DOTALL)
        found = self._pattern.fullmatch(text)
        return None if found is None else found.groupdict()

    def _regular_expression(self) -> Iterator[str]:
        seen: set[str] = set()
        for place, (literal, name) in enumerate(self._pieces):
            yield re.escape(literal)
            if name is not None:
                any_text = _NAME if place == 0 and not literal and self.letters < _FEW_LETTERS else ".*?"
                yield f"(?P={name})" if name in seen else f"(?P<{name}>{any_text})"
                seen.add(name)

    def translated(self, values: dict[str, str]) -> str:
        """The translation with these values in it."""
        one, *many = self._forms
        if not many:
            return self._catalogue.gettext(one).format(**values)
        count = "1" if self._text == one else values.get("count", "")
        number = int(count) if count.isdecimal() else 2
        return self._catalogue.ngettext(one, many[0], number).format(**{"count": count, **values})


class Phrasebook:
    """The told texts of one language.

    Args:
        file: its compiled catalogue.
    """

    def __init__(self, file: Path) -> None:
        with file.open("rb") as opened:
            catalogue = GNUTranslations(opened)
        templates = [
            Template(text, forms, catalogue) for forms in message_ids(file.read_bytes()) for text in forms if text
        ]
        self._whole = {template.plain: template for template in templates if not template.has_values}
        filled = [template for template in templates if template.has_values and template.letters >= _LEAST_LETTERS]
        self._filled = sorted(filled, key=lambda template: -template.letters)
        self.translation = lru_cache(_REMEMBERED)(self._translation)

    def _translation(self, text: str, within: bool = False) -> str | None:
        """The translation of a text, or of what it is put together from; None for a text that is not known.

        Args:
            text: in English.
            within: whether it stands in another text.
        """
        for way in (self._whole_text, self._list, self._filled_template, self._sentences, self._with_head):
            if (said := way(text, within)) is not None:
                return said
        return None

    def _whole_text(self, text: str, _within: bool) -> str | None:
        template = self._whole.get(text)
        return None if template is None else template.translated({})

    def _list(self, text: str, within: bool) -> str | None:
        """Several texts between semicolons, of which each is known: a template may have a semicolon of its own."""
        for between, ours in _LISTS.items():
            parts = text.split(between)
            if len(parts) > 1 and all(said := [self._item(part, within) for part in parts]):
                return ours.join(part or "" for part in said)
        return None

    def _item(self, text: str, within: bool) -> str | None:
        """A text in a list, with no more in front of it than the path of a setting."""
        setting, colon, _rest = text.partition(": ")
        if colon and _SETTING.fullmatch(setting):
            return self._with_head(text, within)
        return self._whole_text(text, within) or self._filled_template(text, within)

    def _filled_template(self, text: str, within: bool) -> str | None:
        least = _LEAST_LETTERS_WITHIN if within else _LEAST_LETTERS
        for template in self._filled:
            values = template.values_in(text) if template.letters >= least else None
            if values is not None and not self._runs_on(text, values, within):
                return template.translated({name: self._value(name, value) for name, value in values.items()})
        return None

    def _runs_on(self, text: str, values: dict[str, str], within: bool) -> bool:
        """Whether a template takes for a name what is one and further known sentences, which are said one by one."""
        names = (value for name, value in values.items() if name not in CARRIERS)
        if not any(len(_sentences_in(name)) > 1 for name in names):
            return False
        return any(self.translation(sentence, within) for sentence in _sentences_in(text)[1:])

    def _value(self, name: str, value: str) -> str:
        """A value in a text: another text, which has several words, or a name, which is left alone."""
        return (self.translation(value, True) or value) if name in CARRIERS and " " in value else value

    def _sentences(self, text: str, within: bool) -> str | None:
        """Several lines or sentences: each is said, and those that are not known stay as they are."""
        parts, between = _sentences_in(text), "\n" if "\n" in text else " "
        said = [self.translation(part, within) for part in parts] if len(parts) > 1 else []
        if not any(said):
            return None
        whole = between.join(part if new is None else new for new, part in zip(said, parts, strict=True))
        return _AFTER_WIDE.sub("", whole)

    def _with_head(self, text: str, _within: bool) -> str | None:
        """`optimizer.learning_rate: must be …`, `0.001, as …`: what it is about, and the text."""
        for mark in _HEAD.finditer(text):
            if (said := self.translation(text[mark.end() :], True)) is not None:
                return f"{text[: mark.start()]}{_HEADS[mark.group()]}{said}"
        return None


def _sentences_in(text: str) -> list[str]:
    """Its lines, or of one line its sentences."""
    return text.split("\n") if "\n" in text else _BETWEEN_SENTENCES.split(text)


@cache
def _phrasebook() -> Phrasebook:
    return Phrasebook(FOLDER / f"{LANGUAGE}.told.mo")


def spoken(text: str) -> str:
    """A text of the layers below in the language of this process; one that nobody there tells is what it is."""
    if LANGUAGE == SOURCE:
        return text
    said = _phrasebook().translation(text)
    return text if said is None else said
