"""Where things live on this machine (runs, presets, caches), and what is at a place. `SIDESTEP_HOME` moves all."""

import os
from pathlib import Path
from typing import Final

from platformdirs import PlatformDirs

from sidestep_tui.errors import SidestepError

_SNAPSHOTS: Final = "models--*/snapshots/*"
_DIRS = PlatformDirs("sidestep", appauthor=False)


def _home() -> Path | None:
    override = os.environ.get("SIDESTEP_HOME")
    return whole_path(override) if override else None


def here() -> Path:
    """The folder that this process works in; from now on the user's home, where that folder has been removed.

    Relative paths are of it, so nothing could be asked of them in a folder that is gone.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        os.chdir(Path.home())
        return Path.cwd()


def expanded(path: str | Path) -> Path:
    """A path as a person types it: `~` and `~SOMEBODY` are their homes, and a name like any other where nobody is.

    Half of a path is a path too: `~m` stands on the way to `~maria`, and may be asked for before she is typed.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def whole_path(path: Path | str) -> Path:
    """What a person's words for a place mean everywhere: with `~` and this folder filled in, and without `..`.

    One run under two names would be two: its songs, its queue and its record would not be found by the other.

    Raises:
        SidestepError: it has a NUL in it, or the home folder of somebody unknown.
    """
    if "\0" in str(path):
        raise SidestepError("A path cannot have a NUL in it.", where=ascii(str(path))[:200], fix="leave it away")
    try:
        whole = Path(path).expanduser().absolute()
    except RuntimeError as error:
        raise SidestepError("There is no such home folder.", where=path, fix="write the whole path") from error
    return whole.resolve() if ".." in whole.parts else whole


def is_there(path: Path) -> bool:
    """Whether a path leads to something; False also where a folder above it may not be entered (pathlib raises)."""
    try:
        return path.exists()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether a path leads to a folder; False also where a folder above it may not be entered (pathlib raises)."""
    return is_there(path) and path.is_dir()


def free_path(path: Path) -> Path:
    """The path, or the first of `path-2`, `path-3`, … that is not taken."""
    candidate, number = path, 2
    while is_there(candidate):
        candidate, number = path.with_name(f"{path.name}-{number}"), number + 1
    return candidate


def data_home() -> Path:
    """What is worth keeping: runs and user presets."""
    return _home() or _DIRS.user_data_path


def runs_home() -> Path:
    """Runs whose place the user did not choose."""
    return data_home() / "runs"


def run_index() -> Path:
    """The list of run directories that lie elsewhere."""
    return data_home() / "runs.json"


def user_presets() -> Path:
    """The user's own presets."""
    return data_home() / "presets"


def remembered_choices() -> Path:
    """What the wizard remembers: the last model, data set and output."""
    return data_home() / "remembered.json"


def cache_home() -> Path:
    """What may be deleted at any time."""
    home = _home()
    return home / "cache" if home else _DIRS.user_cache_path


def model_homes() -> list[Path]:
    """Where model folders usually lie: here, among our own data, where ACE-Step and huggingface_hub keep them."""
    ours = [Path("checkpoints"), downloads_home()]
    told = os.environ.get("ACESTEP_CHECKPOINTS_DIR")
    theirs = [Path.home() / "ACE-Step-1.5" / "checkpoints", Path.home() / "ACE-Step" / "checkpoints"]
    return [*ours, *([Path(told).expanduser()] if told else []), *theirs, *sorted(_hub_cache().glob(_SNAPSHOTS))]


def downloads_home() -> Path:
    """Where models are downloaded to when nobody says otherwise."""
    return data_home() / "checkpoints"


def _hub_cache() -> Path:
    """huggingface_hub's cache, by its own rules: HF_HUB_CACHE, else below HF_HOME, else below the user's caches."""
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache).expanduser()
    caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return Path(os.environ.get("HF_HOME") or caches / "huggingface").expanduser() / "hub"
