"""Presets: partial training settings with a name, shipped with the package or kept by the user."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from sidestep_tui.config.fields import leaves, look_up, put, setting_fields
from sidestep_tui.config.layers import Problem, problems_of
from sidestep_tui.config.places import user_presets
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.files import write_json_atomic

Level = Literal["local", "user", "shipped"]
LARGEST_BYTES: Final = 1_000_000
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}[A-Za-z0-9_-]|[A-Za-z0-9]")
_RESERVED: Final = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}
_DEEPEST: Final = 8
_KEYS: Final = {"name", "description", "promise", "settings"}
_PLACEHOLDERS: Final = {"model.checkpoint": "model", "data.tensors": "tensors"}


@dataclass(frozen=True, slots=True)
class Preset:
    """A named, partial settings document. `promise` is the figure that it was made for, measured or derived."""

    name: str
    description: str
    settings: dict[str, Any]
    promise: str = ""
    level: Level = "user"
    path: Path | None = None

    def as_document(self) -> dict[str, Any]:
        """What is written to disk."""
        return {
            "name": self.name, "description": self.description, "promise": self.promise, "settings": self.settings,
        }  # fmt: skip


def preset_folders(working_folder: Path) -> tuple[tuple[Level, Path], ...]:
    """Where presets are looked for, the nearest first: beside the work, the user's own, the shipped ones."""
    return (
        ("local", working_folder / "presets.sidestep"),
        ("user", user_presets()),
        ("shipped", shipped_presets()),
    )


def shipped_presets() -> Path:
    """The folder of the shipped presets, in a wheel or in a source checkout."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / "presets"
    return packaged if packaged.is_dir() else package.parent / "presets"


def list_presets(working_folder: Path) -> tuple[Preset, ...]:
    """Every readable preset; of two with one name the nearer level wins. Broken files are skipped here."""
    found: dict[str, Preset] = {}
    for level, folder in preset_folders(working_folder):
        for file in sorted(folder.glob("*.json")):
            try:
                preset = read_preset(file, level)
            except SidestepError:
                continue
            found.setdefault(preset.name, preset)
    return tuple(found.values())


def find_preset(name: str, working_folder: Path) -> Preset:
    """The preset with this name, or the preset file at this path.

    Raises:
        UsageError: there is none; the names that exist are given.
    """
    if name.endswith(".json"):
        return read_preset(Path(name), "local")
    for level, folder in preset_folders(working_folder):
        file = folder / f"{name}.json"
        if _NAME.fullmatch(name) and file.is_file():
            return read_preset(file, level)
    names = ", ".join(preset.name for preset in list_presets(working_folder))
    raise UsageError(f"There is no preset {name!r}.", where="--preset", fix=f"choose one of: {names}")


def read_preset(path: Path, level: Level) -> Preset:
    """A preset file, checked.

    Raises:
        SidestepError: too large, not JSON, or not a valid preset; each wrong setting is named.
    """
    return parse_preset(read_text(path), path.stem, level, path)


def read_text(path: Path) -> str:
    """The text of a preset file.

    Raises:
        SidestepError: larger than 1 MB, unreadable, or not UTF-8.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise SidestepError("A preset has at most 1 MB.", where=path, fix="check that this is a preset")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SidestepError(f"The preset cannot be read: {error}.", where=path, fix="check the file") from error


def parse_preset(text: str, fallback_name: str, level: Level = "user", path: Path | None = None) -> Preset:
    """A preset from its JSON text; the same errors as `read_preset`."""
    where = path or "the preset"
    document = _preset_document(text, where)
    preset = Preset(
        name=check_name(document.get("name", fallback_name)),
        description=document.get("description", ""),
        promise=document.get("promise", ""),
        settings=document["settings"],
        level=level,
        path=path,
    )
    if problems := preset_problems(preset.settings):
        listed = "; ".join(f"{problem.path}: {problem.message}" for problem in problems)
        raise SidestepError(f"The preset has settings that cannot be used: {listed}.", where=where, fix="correct them")
    return preset


def _preset_document(text: str, where: object) -> dict[str, Any]:
    """The JSON object of a preset, with nothing in it that a preset does not have."""
    if len(text) > LARGEST_BYTES:
        raise SidestepError("A preset has at most 1 MB.", where=where, fix="check that this is a preset")
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise SidestepError(f"The preset is not JSON: {error}.", where=where, fix="correct the file") from error
    if not isinstance(document, dict) or not isinstance(document.get("settings"), dict):
        raise SidestepError("A preset is an object with `settings`.", where=where, fix="see a shipped preset")
    if unknown := set(document) - _KEYS:
        raise SidestepError(f"Unknown in a preset: {', '.join(sorted(unknown))}.", where=where, fix="remove it")
    for key in _KEYS - {"settings"}:
        if not isinstance(document.get(key, ""), str):
            raise SidestepError(f"The preset's {key} is not text.", where=where, fix="put it in quotes")
    if _depth(document) > _DEEPEST:
        raise SidestepError("The preset is nested too deeply.", where=where, fix="see a shipped preset")
    return document


def _depth(value: Any, limit: int = 32) -> int:
    """How deeply objects and lists are nested, counted up to a limit."""
    if limit == 0 or not isinstance(value, dict | list):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max((_depth(item, limit - 1) for item in inner), default=0)


def preset_problems(settings: dict[str, Any]) -> tuple[Problem, ...]:
    """What keeps partial settings from being a preset: invalid values, and paths or devices, which are personal."""
    personal = {field.path for field in setting_fields(TrainSettings) if field.personal}
    kept_out = [
        Problem(path, "is a path or device and stays out of presets", value)
        for path, value in leaves(settings)
        if path in personal
    ]
    if kept_out:
        return tuple(kept_out)
    document = settings
    for path, value in _PLACEHOLDERS.items():
        document = put(document, path, value)
    return problems_of(TrainSettings, document)


def without_personal(document: dict[str, Any]) -> dict[str, Any]:
    """A settings document with its paths and devices left out, as a preset holds it."""
    kept: dict[str, Any] = {}
    personal = {field.path for field in setting_fields(TrainSettings) if field.personal}
    for path, _ in leaves(document):
        if path not in personal:
            kept = put(kept, path, look_up(document, path))
    return kept


def check_name(name: str) -> str:
    """The name, if it is a safe file name on every system.

    Raises:
        UsageError: it is not.
    """
    if not _NAME.fullmatch(name) or name.split(".")[0].strip().lower() in _RESERVED:
        raise UsageError(
            f"{name!r} cannot be a preset's name.", fix="use letters, digits, space, dot, - and _; at most 64 of them"
        )
    return name


def save_preset(preset: Preset, *, overwrite: bool = False) -> Path:
    """Writes a preset to the user's folder and gives its path.

    Raises:
        SidestepError: the name is taken, or the settings are not a preset's.
    """
    path = user_presets() / f"{check_name(preset.name)}.json"
    if path.exists() and not overwrite:
        raise SidestepError("A preset with this name exists.", where=path, fix="choose another name, or --overwrite")
    parse_preset(json.dumps(preset.as_document()), preset.name)
    write_json_atomic(path, preset.as_document())
    return path


def export_preset(preset: Preset, target: Path, *, overwrite: bool = False) -> Path:
    """Writes a preset to a file of the user's choice; a folder gets `NAME.json`. Gives the file.

    Raises:
        SidestepError: there is such a file already, or it cannot be written.
    """
    target = target.expanduser().absolute()
    file = target / f"{preset.name}.json" if target.is_dir() else target
    if file.exists() and not overwrite:
        raise SidestepError("The file exists already.", where=file, fix="choose another name")
    write_json_atomic(file, preset.as_document())
    return file


def delete_preset(name: str, working_folder: Path) -> Path:
    """Removes a preset of the user's own.

    Raises:
        SidestepError: it is shipped, or there is none.
    """
    preset = find_preset(name, working_folder)
    if preset.level == "shipped" or preset.path is None:
        raise SidestepError("Shipped presets stay.", where=preset.name, fix="save a changed copy under another name")
    preset.path.unlink()
    return preset.path


def rename_preset(name: str, new_name: str, working_folder: Path) -> Path:
    """Gives a preset of the user's own another name.

    Raises:
        SidestepError: it is shipped, there is none, or the new name is taken.
    """
    preset = find_preset(name, working_folder)
    if preset.level == "shipped" or preset.path is None:
        raise SidestepError("Shipped presets keep their names.", where=name, fix="save a copy under another name")
    path = save_preset(Preset(new_name, preset.description, preset.settings, preset.promise))
    preset.path.unlink()
    return path
