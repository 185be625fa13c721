"""What a folder holds that is no song as it stands: albums in one file with a CUE sheet, films, unread kinds."""

import re
from collections.abc import Iterator
from pathlib import PurePath

from sidestep_tui.dataset.folder import OTHER_MEDIA, Folder
from sidestep_tui.dataset.sidecars import read_text_file
from sidestep_tui.dataset.song import Finding, Severity
from sidestep_tui.dataset.text import comparable_name, printable
from sidestep_tui.told import told

_LINE = re.compile(
    r'^[ \t]*(?:FILE[ \t]+(?:"(?P<quoted>[^"\n]+)"|(?P<bare>\S+))|(?P<track>TRACK)[ \t]+\d+)', re.I | re.M
)


def not_as_it_stands(folder: Folder) -> Iterator[Finding]:
    """Findings about whole albums in one file, and about files with sound that are not taken as songs."""
    songs = {comparable_name(PurePath(name).stem): name for name in folder.audio}
    for name in sorted(folder.others.values()):
        suffix = PurePath(name).suffix.lower()
        if suffix == ".cue":
            yield from _albums(folder, name, songs)
        elif suffix in OTHER_MEDIA:
            message = told(
                "{file} is not taken as a song: {kind} files are not read.",
                file=printable(_below(folder, name)),
                kind=suffix.removeprefix("."),
            )
            fix = told("if it is one of your songs, convert it, for example to flac")
            yield Finding(Severity.INFO, "other-kind", message, fix=fix)


def _albums(folder: Folder, sheet: str, songs: dict[str, str]) -> Iterator[Finding]:
    """The sheet of a rip often names album.wav where album.flac lies beside it, so names count without their ends."""
    tracks: dict[str, int] = {}
    stem = ""
    for line in _LINE.finditer(read_text_file(folder.path / sheet, None)[0]):
        if line["track"] is None:
            stem = comparable_name(PurePath(line["quoted"] or line["bare"]).stem)
        else:
            tracks[stem] = tracks.get(stem, 0) + 1
    for stem, count in tracks.items():
        if count > 1 and stem in songs:
            message = told(
                "{file} says that it holds {count} tracks; the model would learn them as one song.",
                file=printable(sheet),
                count=count,
            )
            fix = told("cut it into one file for each track")
            yield Finding(Severity.WARNING, "album-in-one-file", message, _below(folder, songs[stem]), fix)


def _below(folder: Folder, name: str) -> str:
    return f"{folder.relative}/{name}" if folder.relative else name
