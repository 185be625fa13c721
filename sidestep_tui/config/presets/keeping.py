"""Keeping presets: saving, giving away, renaming and deleting them, without touching anything but presets."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sidestep_tui.config.places import user_presets, whole_path
from sidestep_tui.config.presets.names import check_name, name_key
from sidestep_tui.config.presets.preset import Preset, make_preset
from sidestep_tui.config.presets.shelf import ENDING, find_preset, is_preset_file, name_of, preset_folders
from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.files import write_json_atomic


def taken_by(name: str, folder: Path) -> Path | None:
    """The file in a folder that a preset of this name would replace, or be confused with, as far as can be seen."""
    try:
        files = list(folder.iterdir())
    except OSError:
        return None
    named = [file for file in files if is_preset_file(file) and name_key(name_of(file)) == name_key(name)]
    return min(named, key=lambda file: name_of(file) != name, default=None)


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
                f"A preset called {name_of(there)} exists.", where=there, fix="choose another name, or --overwrite"
            )
        path = there or folder / f"{preset.name}{ENDING}"
        write_json_atomic(path, preset.as_document())
    return path


def export_target(preset: Preset, target: Path) -> tuple[Path, bool]:
    """The file that a preset would be written to, and whether there is one; a folder gets `NAME.json`.

    Raises:
        SidestepError: it cannot be a path.
    """
    target = whole_path(target)
    with _named_errors(target):
        file = target / f"{preset.name}{ENDING}" if target.is_dir() else target
        return file, file.exists()


def export_preset(preset: Preset, target: Path, *, overwrite: bool = False) -> Path:
    """Writes a preset to a file of the user's choice, or into a folder. Gives the file.

    Raises:
        SidestepError: there is such a file already, or it cannot be written.
    """
    file, exists = export_target(preset, target)
    if exists and not overwrite:
        raise SidestepError("The file exists already.", where=file, fix="choose another name, or --overwrite")
    with _named_errors(file):
        write_json_atomic(file, preset.as_document())
    return file


def delete_preset(name: str, working_folder: Path) -> Path:
    """Removes the preset of this name that counts, whole or damaged.

    Raises:
        SidestepError: it is shipped, or there is none.
    """
    path = _own(name, working_folder, "Shipped presets stay.")
    delete_file(path)
    return path


def delete_file(path: Path) -> None:
    """Removes the file of a preset; of a link the link alone.

    Raises:
        SidestepError: it cannot be removed.
    """
    with _named_errors(path):
        path.unlink()


def rename_preset(name: str, new_name: str, working_folder: Path) -> Path:
    """Gives a preset another name at its own level.

    Raises:
        SidestepError: it is shipped, there is none, or the new name is taken.
    """
    path = _own(name, working_folder, "Shipped presets keep their names.")
    preset = replace(find_preset(name, working_folder), name=check_name(new_name))
    there = taken_by(preset.name, path.parent)
    if there not in (None, path):
        raise SidestepError(f"A preset called {name_of(there)} exists.", where=there, fix="choose another name")
    renamed = path.with_name(f"{preset.name}{ENDING}")
    with _named_errors(path):
        path.rename(renamed)  # and not a second file: names that differ in capitals alone may be one file
        write_json_atomic(renamed, preset.as_document())
    return renamed


def _own(name: str, working_folder: Path, refusal: str) -> Path:
    """The file of a preset that may be changed. A path is no name here: nothing outside the folders is touched."""
    for level, folder in preset_folders(working_folder):
        path = taken_by(name, folder)
        if path and level == "shipped":
            raise SidestepError(refusal, where=name_of(path), fix="save a changed copy under another name")
        if path:
            return path
    raise UsageError(f"There is no preset {name[:80]!r} of your own.", fix="`sidestep preset list` shows them")


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SidestepError(
            f"The preset cannot be written: {error.strerror}.", where=path, fix="choose another place or name"
        ) from error
