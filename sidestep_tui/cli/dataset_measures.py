"""What the sound of songs shows, measured for a command: every song once, and as a table."""

import math
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sidestep_tui.cli.progress import progress_bar
from sidestep_tui.dataset.label import UNREADABLE, label_dataset
from sidestep_tui.dataset.label_measures import MeasureCache
from sidestep_tui.dataset.measure import SILENCE_PEAK, Measures
from sidestep_tui.dataset.song import Dataset, Finding, Song
from sidestep_tui.dataset.text import printable


def measure_all(dataset: Dataset) -> tuple[MeasureCache, list[Finding]]:
    """Measures the songs that were not measured since their files changed, and finds those that cannot be decoded.

    Each song's measures are kept at once, so that an interrupted command goes on where it was.
    """
    measures, unreadable = MeasureCache(), list[Finding]()
    missing = [song.key for song in dataset.songs if measures.known(song) is None]
    with progress_bar("measuring the sound") as tell:
        for labels in label_dataset(dataset, (), progress=tell, keys=missing, measures=measures):
            unreadable += (one for one in labels.findings if one.code == UNREADABLE)
    return measures, unreadable


def measures_document(dataset: Dataset, measures: MeasureCache) -> list[dict[str, Any]]:
    """The measures of the songs that were measured, and what their files say, as JSON-able documents."""
    known = ((song, measures.known(song)) for song in dataset.songs)
    return [_document(song, one) for song, one in known if one is not None]


def measures_view(dataset: Dataset, measures: MeasureCache) -> RenderableType:
    """The same as a table."""
    table = Table(box=None, pad_edge=False)
    for column in ("SONG", "LUFS", "PEAK", "CLIPS", "SILENCE", "SIDES", "RATE", "UP TO", "CODEC"):
        table.add_column(column, overflow="fold", justify="left" if column in ("SONG", "CODEC") else "right")
    known = [(song, one) for song in dataset.songs if (one := measures.known(song)) is not None]
    for song, one in known:
        table.add_row(Text(printable(song.key)), *_cells(song, one))
    return table if known else Group()


def _document(song: Song, measures: Measures) -> dict[str, Any]:
    return {
        "song": song.key,
        "loudness": measures.loudness,
        "peak_db": _decibels(measures.peak),
        "clipped_runs": measures.clipped_runs,
        "silence_start": measures.silence_start,
        "silence_end": measures.silence_end,
        "channels": song.audio.channels,
        "false_stereo": measures.false_stereo,
        "sample_rate": song.audio.sample_rate,
        "bandwidth": measures.bandwidth,
        "codec": song.audio.codec,
    }


def _cells(song: Song, measures: Measures) -> tuple[str, ...]:
    peak = _decibels(measures.peak)
    sides = "mono" if song.audio.channels == 1 else "same" if measures.false_stereo else "two"
    return (
        f"{measures.loudness:.1f}" if measures.loudness is not None else "silent" if _is_silent(measures) else "",
        "" if peak is None else f"{peak:.1f}",
        str(measures.clipped_runs or ""),
        f"{measures.silence_start:.1f} {measures.silence_end:.1f}",
        sides,
        f"{song.audio.sample_rate / 1000:g}k",
        f"{measures.bandwidth / 1000:.1f}k",
        printable(song.audio.codec),
    )


def _is_silent(measures: Measures) -> bool:
    """A song of less than 0.4 s has no loudness either."""
    return measures.peak <= SILENCE_PEAK


def _decibels(peak: float) -> float | None:
    return round(20 * math.log10(peak), 2) if peak > 0 else None
