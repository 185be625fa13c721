"""Finds the audio of a saved sample again, after the folder moved, the machine changed or the paths were relative."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def find_audio(written: Iterable[str], folders: Iterable[Path]) -> Path | None:
    """The audio file that a saved data set means.

    Tried in this order for each path as written: as it is; below each of the folders; below the working directory;
    and, because the paths may be relative to a directory that is gone, ever shorter ends of it below the folders.

    Args:
        written: what the sample says, the most trusted first.
        folders: the data set's root and the folder of its JSON.

    Returns:
        An absolute path, or None.
    """
    places = list(dict.fromkeys(folders))
    texts = [text for text in written if text and "\0" not in text]
    for text in texts:
        for candidate in _candidates(text, places):
            if _is_file(candidate):
                return candidate.absolute()
    return None


def song_key(path: Path, root: Path) -> str:
    """The path relative to the root with forward slashes; absolute where the two share no drive."""
    try:
        return Path(os.path.relpath(path, root)).as_posix()
    except ValueError:
        return path.absolute().as_posix()


def _candidates(text: str, places: list[Path]) -> Iterator[Path]:
    spellings = [text] if "\\" not in text else [text, text.replace("\\", "/")]
    for spelling in spellings:
        path = Path(spelling)
        if path.is_absolute():
            yield path
        else:
            yield from (place / path for place in (*places, Path.cwd()))
    parts = Path(spellings[-1]).parts
    for start in range(1, len(parts)):
        yield from (place.joinpath(*parts[start:]) for place in places)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for the file system
        return False
