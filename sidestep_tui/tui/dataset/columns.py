"""The columns of the table of songs: label, width, what a cell says, and what the column sorts by. No Textual here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from posixpath import splitext
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len

from sidestep_tui.dataset.effective import is_instrumental
from sidestep_tui.dataset.folder import AUDIO_SUFFIXES
from sidestep_tui.dataset.song import Song
from sidestep_tui.dataset.text import printable
from sidestep_tui.texts import _
from sidestep_tui.tui.text import clean, pad, pad_left, shorten_middle, shorten_start

if TYPE_CHECKING:
    from sidestep_tui.tui.dataset.review import Review

Cell = tuple[str, str]
"""Text, and the theme variable of its colour."""
_PLAIN: Final = "foreground"
_MUTED: Final = "text-muted"


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    label: str
    width: int
    """Cells; 0 shares what is left."""
    cell: "Callable[[Song, Review], Cell]"
    value: "Callable[[Song, Review], Any]"
    """What it sorts by; None where the song does not say, which comes last."""
    right: bool = False
    what: str = ""
    """The column in words, for lists."""


def minutes(seconds: float) -> str:
    """`3:42`, `1:02:05`."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def short_key(keyscale: str) -> str:
    """`F# minor` as `F#m`."""
    return keyscale.replace(" minor", "m").replace(" major", "")


def tallied(counts: tuple[int, int, int]) -> str:
    """`×1 !3 ·2`, the two worst of them."""
    parts = [f"{symbol}{min(count, 99)}" for symbol, count in zip("×!·", counts, strict=True) if count]
    return " ".join(parts[:2])


def _mark(song: Song, review: "Review") -> Cell:
    return "◆" if song.key in review.marked else "○" if song.held_out else "", "accent"


def _name(song: Song, review: "Review") -> Cell:
    """Without the ending of the file, which tells nothing but where another file has the same name."""
    stem = splitext(song.key)[0]
    return printable(song.key if stem in review.shared_stems else stem), _PLAIN


def _lyrics(song: Song, review: "Review") -> Cell:
    if is_instrumental(song, review.dataset.metadata):
        return _("inst"), _MUTED
    return ("✓", "success") if song.lyrics else ("–", _MUTED)


def _tag(song: Song, review: "Review") -> Cell:
    tag = song.custom_tag or review.dataset.metadata.custom_tag
    return clean(tag), _PLAIN if song.custom_tag else _MUTED


def _findings(song: Song, review: "Review") -> Cell:
    if not review.checks.complete:
        return "…", _MUTED
    counts = review.checks.counts(song.key)
    return tallied(counts), next((c for n, c in zip(counts, ("error", "warning"), strict=False) if n), _MUTED)


_ALL: Final = (
    Column("marked", "", 1, _mark,
           lambda song, review: song.key not in review.marked, what=_("marked songs first")),
    Column("song", _("Song"), 0, _name, lambda song, _: song.key.casefold(), what=_("path of the file")),
    Column("duration", _("Time"), 5, lambda song, _: (minutes(song.duration), _PLAIN),
           lambda song, _: song.duration, right=True, what=_("length")),
    Column("lyrics", _("Lyr"), 4, _lyrics, lambda song, _: len(song.lyrics), what=_("length of the lyrics")),
    Column("caption", _("Caption"), 0, lambda song, _: (clean(song.caption or song.genre), _MUTED),
           lambda song, _: song.caption.casefold() or None, what=_("caption")),
    Column("bpm", _("BPM"), 3, lambda song, _: ("" if song.bpm is None else str(song.bpm), _PLAIN),
           lambda song, _: song.bpm, right=True, what=_("tempo")),
    Column("key", _("Key"), 4, lambda song, _: (clean(short_key(song.keyscale)), _PLAIN),
           lambda song, _: song.keyscale or None, what=_("key")),
    Column("language", _("Lang"), 4, lambda song, _: ("" if song.language == "unknown" else song.language, _PLAIN),
           lambda song, _: None if song.language == "unknown" else song.language, what=_("language")),
    Column("tag", _("Tag"), 6, _tag, lambda song, _: song.custom_tag or None, what=_("the song's own trigger tag")),
    Column("findings", _("Found"), 5, _findings,
           lambda song, review: tuple(-count for count in review.checks.counts(song.key)),
           what=_("worst findings first")),
    Column("reviewed", "✓", 1, lambda song, _: ("✓" if song.reviewed else "", "success"),
           lambda song, _: song.reviewed, what=_("songs to review first")),
)  # fmt: skip

COLUMNS: Final[Mapping[str, Column]] = MappingProxyType({column.name: column for column in _ALL})
"""All columns from left to right, by name."""

_NAME_SHARE: Final = 0.52
_MUCH_ROOM: Final = 110
_WIDER: Final = {"tag": 12, "findings": 7}
_LITTLE_ROOM: Final = 70
_GIVE_WAY: Final = frozenset({"caption", "tag"})
"""Columns that leave their room to the name of the song where there is little."""


def widths(room: int) -> dict[str, int]:
    """The columns of a table of `room` cells from left to right, with their widths; they are one cell apart."""
    shown = {name: one for name, one in COLUMNS.items() if room >= _LITTLE_ROOM or name not in _GIVE_WAY}
    fixed = {name: _WIDER.get(name, one.width) if room >= _MUCH_ROOM else one.width for name, one in shown.items()}
    left = max(2, room - sum(fixed.values()) - len(fixed) + 1)
    if "caption" not in shown:
        return {**fixed, "song": left}
    name = round(left * _NAME_SHARE)
    return {**fixed, "song": name, "caption": left - name}


def fitted(column: Column, text: str, width: int) -> str:
    """A cell's text in exactly `width` cells."""
    if column.name == "song" and cell_len(text) > width and "/" in text:
        name = f"/{text.rpartition('/')[2]}"  # folders go first, the outermost before those that tell songs apart
        text = shorten_start(text, width) if cell_len(name) < width else f"…{name}"
    if column.name == "song" and splitext(text)[1].lower() in AUDIO_SUFFIXES:
        text = shorten_middle(text, width)  # the ending is what tells it from another song
    return pad_left(text, width) if column.right and cell_len(text) < width else pad(text, width)
