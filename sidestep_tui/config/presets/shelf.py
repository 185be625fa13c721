"""Where presets lie, and which of two with one name counts.

Three folders are looked into, the nearest first: beside the work (`presets.sidestep`, to go with a project), the
user's own, and the shipped ones, which cannot be changed. Of two presets with one name the nearer counts and hides the
other. In these folders a preset is called as its file is.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from sidestep_tui.config.places import user_presets, whole_path
from sidestep_tui.config.presets.names import check_name, name_key
from sidestep_tui.config.presets.preset import Level, Preset, read_preset
from sidestep_tui.errors import SidestepError, UsageError

ENDING: Final = ".json"
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
    package = Path(__file__).resolve().parents[2]
    packaged = package / "presets"
    return packaged if packaged.is_dir() else package.parent / "presets"


def preset_folders(working_folder: Path) -> tuple[tuple[Level, Path], ...]:
    """Where presets are looked for, the nearest first."""
    return (("local", local_presets(working_folder)), ("user", user_presets()), ("shipped", shipped_presets()))


def read_shelf(working_folder: Path) -> Shelf:
    """Every preset there is; what cannot be read does not keep the others away."""
    presets: list[Preset] = []
    hidden: list[Preset] = []
    damaged: list[Damaged] = []
    taken: set[str] = set()
    for level, folder in preset_folders(working_folder):
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
    if name.endswith(ENDING):
        return read_preset(whole_path(name), "local")
    shelf = read_shelf(working_folder)
    entries: list[Preset | Damaged] = [*shelf.damaged, *shelf.presets]
    called_so = [entry for entry in entries if name_key(entry.name) == name_key(name)]
    match min(called_so, key=lambda entry: _ORDER.index(entry.level), default=None):
        case Preset() as preset:
            return preset
        case Damaged() as damaged:
            raise damaged.error
    names = [preset.name for preset in shelf.presets]
    almost = "".join(f"did you mean {close}? " for close in get_close_matches(name[:80], names, n=1))
    raise UsageError(f"There is no preset {name[:80]!r}.", fix=f"{almost}choose one of: {', '.join(names)}")


def _entries(level: Level, folder: Path) -> Iterator[Preset | Damaged]:
    """What lies in a folder, file by file."""
    try:
        files = sorted(file for file in folder.iterdir() if is_preset_file(file) and not file.is_dir())
    except FileNotFoundError:
        return
    except OSError as error:
        what = f"The folder of presets cannot be read: {error.strerror}."
        yield Damaged("", level, folder, SidestepError(what, where=folder, fix="check its permissions"))
        return
    seen: set[str] = set()
    for file in files:
        name = name_of(file)
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


def is_preset_file(file: Path) -> bool:
    """Hidden files are another program's, or unfinished."""
    return file.suffix.lower() == ENDING and not file.name.startswith(".")


def name_of(file: Path) -> str:
    """macOS stores accents apart from their letters."""
    return unicodedata.normalize("NFC", file.stem)


def _natural_order(preset: Preset) -> tuple[int, list[tuple[int, str]]]:
    """The nearest level first; 8 before 12."""
    parts = re.split(r"(\d+)", name_key(preset.name))
    return _ORDER.index(preset.level), [(int(part), "") if part.isdecimal() else (0, part) for part in parts]
