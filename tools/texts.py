"""Brings the catalogues of the interface up to date with the code: `make texts`.

There are two for each language. `LANGUAGE.po` has the interface's own texts: those inside `_()` and `ngettext()`, and
those that it translates where it shows them: the settings' helps, what the sections of the settings say about
themselves, and what shipped presets are for. `LANGUAGE.told.po` has what the layers below say and the interface
recognises (`tools/told_texts.py`, and why an import leaves something out). New ones come into the `.po` without a
translation, gone ones leave it, and the `.mo` that the program reads is compiled from it.
"""

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from sidestep_tui.config.base import Section
from sidestep_tui.config.fields import adapter_families, setting_fields
from sidestep_tui.config.jobs import JOBS
from sidestep_tui.config.presets.old_fields import REASONS
from sidestep_tui.config.presets.shelf import shipped
from sidestep_tui.texts import FOLDER
from sidestep_tui.texts.language import LANGUAGES, SOURCE
from tools.told_texts import told_texts

PACKAGE = FOLDER.parent
_KEYWORDS = {"_": None, "ngettext": (1, 2)}
_SETTINGS = "sidestep_tui/config"


def texts_of_the_interface() -> Catalog:
    """Every text that the interface says itself, without translations."""
    catalogue = Catalog()
    method = [("**.py", "python")]
    found = extract_from_dir(PACKAGE, method, keywords=_KEYWORDS)
    for name, _line, message, _comments, _context in sorted(found, key=lambda text: text[:2]):
        catalogue.add(message, locations=[(f"sidestep_tui/{Path(name).as_posix()}", 0)])
    for text, comment in (*texts_of_the_settings(), *texts_of_the_presets()):
        catalogue.add(text, locations=[(_SETTINGS, 0)], auto_comments=[comment] if text not in catalogue else [])
    return catalogue


def texts_of_the_settings() -> Iterator[tuple[str, str]]:
    """Helps, units, words for empty values, the sections' names and own words, each with what it belongs to."""
    for job, schema in JOBS.items():
        yield from _sections(schema, job)
        for field in setting_fields(schema):
            title = field.section.replace("_", " ").capitalize()
            yield from ((text, field.path) for text in (title, field.help, field.unit, field.empty) if text)
    for family, schema in adapter_families().items():
        yield from _sections(schema, family)


def texts_of_the_presets() -> Iterator[tuple[str, str]]:
    """What the shipped presets are for."""
    yield from ((preset.description, f"preset {preset.name}") for preset in shipped())


def texts_of_the_layers_below() -> Catalog:
    """Every text that errors, warnings, findings and reasons are made from, without translations."""
    catalogue = Catalog()
    for found in told_texts(PACKAGE)[0]:
        message = found.forms if len(found.forms) == 2 else found.forms[0]
        catalogue.add(message, locations=[(f"sidestep_tui/{found.file}", 0)])
    for reason in REASONS:
        catalogue.add(reason, locations=[(_SETTINGS, 0)], auto_comments=["a field of an imported preset"])
    return catalogue


CATALOGUES: Final[dict[str, Callable[[], Catalog]]] = {
    "": texts_of_the_interface,
    ".told": texts_of_the_layers_below,
}
"""The texts of each catalogue, by what stands between the language and the ending in the name of its file."""


def _sections(schema: type[Section], name: str) -> Iterator[tuple[str, str]]:
    yield schema.__doc__ or "", name
    for path, info in schema.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            yield from _sections(info.annotation, path)


def read_catalogue(language: str, kind: str = "") -> Catalog:
    """A language's `.po` as it stands."""
    with (FOLDER / f"{language}{kind}.po").open("rb") as file:
        return read_po(file, locale=language)


def update(language: str, kind: str = "") -> Catalog:
    """Writes the `.po` with the texts of the code and the translations that it had, and compiles it."""
    catalogue, current = read_catalogue(language, kind), CATALOGUES[kind]()
    current.creation_date = catalogue.creation_date
    catalogue.update(current, no_fuzzy_matching=True, update_creation_date=False)
    with (FOLDER / f"{language}{kind}.po").open("wb") as file:
        write_po(file, catalogue, width=120, sort_by_file=True, ignore_obsolete=True, include_lineno=False)
    with (FOLDER / f"{language}{kind}.mo").open("wb") as file:
        write_mo(file, catalogue)
    return catalogue


def untranslated(catalogue: Catalog) -> list[str | tuple[str, ...]]:
    """The texts that have no translation, or not one for each of their forms."""
    forms = {
        message.id: [message.string] if isinstance(message.string, str) else message.string for message in catalogue
    }
    return [text for text, strings in forms.items() if text and not (strings and all(strings))]


def main() -> None:
    """Every language but the source, and what is left to translate."""
    for language, kind in product((name for name in LANGUAGES if name != SOURCE), CATALOGUES):
        catalogue = update(language, kind)
        missing = untranslated(catalogue)
        print(f"{language}{kind}: {len(catalogue)} texts, {len(missing)} without a translation")
        for text in missing:
            print(f"  {text!r}")


if __name__ == "__main__":
    main()
