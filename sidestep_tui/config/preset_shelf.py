"""Where presets lie and what can be done with them there.

Three folders are looked into, the nearest first: beside the work (`presets.sidestep`, to go with a project), the
user's own, and the shipped ones, which cannot be changed. Of two presets with one name the nearer counts and hides the
other. In these folders a preset is called as its file is.
"""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sidestep_tui.config.places import user_presets
from sidestep_tui.config.preset_names import check_name, name_key
from sidestep_tui.config.preset_text import given_path
from sidestep_tui.config.presets import Level, Preset, make_preset, read_preset
from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.files import write_json_atomic

_ENDING: Final = ".json"
_ORDER: Final[tuple[Level, ...]] = ("local", "user", "shipped")


@dataclass(frozen=True, slots=True)
class Damaged:
    """A file that is no usable preset, or (without a name) a folder that cannot be read; `error` says why."""

    name: str
    level: Level
    path: Path
    error: SidestepError


@dataclass(frozen=True, slots=True)
class Shelf:
    """All presets: those that count, those that a nearer one hides, and what could not be read.

    A damaged file hides what it would hide if it were whole: nothing else is taken silently in its place.
    """

    presets: tuple[Preset, ...] = ()
    hidden: tuple[Preset, ...] = ()
    damaged: tuple[Damaged, ...] = ()

    def hidden_by(self, name: str) -> tuple[Preset, ...]:
        """The presets that the one of this name hides, the nearest first."""
        return tuple(preset for preset in self.hidden if name_key(preset.name) == name_key(name))


def local_presets(working_folder: Path) -> Path:
    """The presets that go with a project."""
    return working_folder / "presets.sidestep"


def shipped_presets() -> Path:
    """The folder of the shipped presets, in a wheel or in a source checkout."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / "presets"
    return packaged if packaged.is_dir() else package.parent / "presets"


def _folders(working_folder: Path) -> tuple[tuple[Level, Path], ...]:
    """Where presets are looked for, the nearest first."""
    return (("local", local_presets(working_folder)), ("user", user_presets()), ("shipped", shipped_presets()))


def read_shelf(working_folder: Path) -> Shelf:
    """Every preset there is; what cannot be read does not keep the others away."""
    presets: list[Preset] = []
    hidden: list[Preset] = []
    damaged: list[Damaged] = []
    taken: set[str] = set()
    for level, folder in _folders(working_folder):
        for entry in _entries(level, folder):
            if isinstance(entry, Preset):
                (hidden if name_key(entry.name) in taken else presets).append(entry)
            else:
                damaged.append(entry)
        taken |= {name_key(preset.name) for preset in presets} | {name_key(entry.name) for entry in damaged}
    return Shelf(tuple(sorted(presets, key=_natural_order)), tuple(hidden), tuple(damaged))


def shipped() -> tuple[Preset, ...]:
    """The shipped presets, whatever hides them."""
    folder = shipped_presets()
    return tuple(sorted((read_preset(file, "shipped") for file in folder.glob("*.json")), key=_natural_order))


def find_preset(name: str, working_folder: Path) -> Preset:
    """The preset with this name, or the preset file at this path.

    Raises:
        UsageError: there is none; the names that exist are given.
        SidestepError: it is damaged.
    """
    if name.endswith(_ENDING):
        return read_preset(given_path(Path(name)), "local")
    shelf = read_shelf(working_folder)
    for entry in shelf.damaged:
        if name_key(entry.name) == name_key(name):
            raise entry.error
    for preset in shelf.presets:
        if name_key(preset.name) == name_key(name):
            return preset
    names = ", ".join(preset.name for preset in shelf.presets)
    raise UsageError(f"There is no preset {name[:80]!r}.", where="--preset", fix=f"choose one of: {names}")


def taken_by(name: str, folder: Path) -> Path | None:
    """The file in a folder that a preset of this name would replace, or be confused with, as far as can be seen."""
    try:
        files = list(folder.iterdir())
    except OSError:
        return None
    named = [file for file in files if _is_named(file) and name_key(_name_of(file)) == name_key(name)]
    return min(named, key=lambda file: _name_of(file) != name, default=None)


def save_preset(preset: Preset, folder: Path | None = None, *, overwrite: bool = False) -> Path:
    """Writes a preset to the user's folder, or to another one, and gives its path.

    Raises:
        SidestepError: the name is taken, or the settings are not a preset's.
    """
    folder = folder or user_presets()
    preset = replace(preset, name=check_name(preset.name))
    make_preset(preset.as_document(), preset.name, "the preset")
    with _named_errors(folder):
        there = taken_by(preset.name, folder)
        if there and not overwrite:
            raise SidestepError(
                f"A preset called {_name_of(there)} exists.", where=there, fix="choose another name, or --overwrite"
            )
        path = there or folder / f"{preset.name}{_ENDING}"
        write_json_atomic(path, preset.as_document())
    return path


def export_preset(preset: Preset, target: Path, *, overwrite: bool = False) -> Path:
    """Writes a preset to a file of the user's choice; a folder gets `NAME.json`. Gives the file.

    Raises:
        SidestepError: there is such a file already, or it cannot be written.
    """
    target = given_path(target)
    with _named_errors(target):
        file = target / f"{preset.name}{_ENDING}" if target.is_dir() else target
        if file.exists() and not overwrite:
            raise SidestepError("The file exists already.", where=file, fix="choose another name, or --overwrite")
        write_json_atomic(file, preset.as_document())
    return file


def delete_preset(name: str, working_folder: Path) -> Path:
    """Removes the preset of this name that counts, whole or damaged.

    Raises:
        SidestepError: it is shipped, or there is none.
    """
    path = _own(name, working_folder, "Shipped presets stay.")
    with _named_errors(path):
        path.unlink()
    return path


def rename_preset(name: str, new_name: str, working_folder: Path) -> Path:
    """Gives a preset another name at its own level.

    Raises:
        SidestepError: it is shipped, there is none, or the new name is taken.
    """
    path = _own(name, working_folder, "Shipped presets keep their names.")
    preset = replace(find_preset(name, working_folder), name=check_name(new_name))
    there = taken_by(preset.name, path.parent)
    if there not in (None, path):
        raise SidestepError(f"A preset called {_name_of(there)} exists.", where=there, fix="choose another name")
    renamed = path.with_name(f"{preset.name}{_ENDING}")
    with _named_errors(path):
        path.rename(renamed)  # and not a second file: names that differ in capitals alone may be one file
        write_json_atomic(renamed, preset.as_document())
    return renamed


def _own(name: str, working_folder: Path, refusal: str) -> Path:
    """The file of a preset that may be changed. A path is no name here: nothing outside the folders is touched."""
    for level, folder in _folders(working_folder):
        path = taken_by(name, folder)
        if path and level == "shipped":
            raise SidestepError(refusal, where=_name_of(path), fix="save a changed copy under another name")
        if path:
            return path
    raise UsageError(f"There is no preset {name[:80]!r} of your own.", fix="`sidestep preset list` shows them")


def _entries(level: Level, folder: Path) -> Iterator[Preset | Damaged]:
    """What lies in a folder, file by file."""
    try:
        files = sorted(file for file in folder.iterdir() if _is_named(file) and not file.is_dir())
    except FileNotFoundError:
        return
    except OSError as error:
        what = f"The folder of presets cannot be read: {error.strerror}."
        yield Damaged("", level, folder, SidestepError(what, where=folder, fix="check its permissions"))
        return
    seen: set[str] = set()
    for file in files:
        name = _name_of(file)
        try:
            if name_key(name) in seen:
                raise SidestepError(
                    "Another preset here has this name but for capitals.", where=file, fix="rename one of the files"
                )
            check_name(name)
            yield replace(read_preset(file, level), name=name)
        except SidestepError as error:
            yield Damaged(name, level, file, error)
        seen.add(name_key(name))


def _is_named(file: Path) -> bool:
    """Hidden files are another program's, or unfinished."""
    return file.suffix.lower() == _ENDING and not file.name.startswith(".")


def _name_of(file: Path) -> str:
    """macOS stores accents apart from their letters."""
    return unicodedata.normalize("NFC", file.stem)


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SidestepError(
            f"The preset cannot be written: {error.strerror}.", where=path, fix="choose another place or name"
        ) from error


def _natural_order(preset: Preset) -> tuple[int, list[tuple[int, str]]]:
    """The nearest level first; 8 before 12."""
    parts = re.split(r"(\d+)", name_key(preset.name))
    return _ORDER.index(preset.level), [(int(part), "") if part.isdecimal() else (0, part) for part in parts]
