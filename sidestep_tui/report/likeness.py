"""Which songs of the data set the samples are nearest to: the songs are found, described, and laid out as a table."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from sidestep_tui.config.base import Section
from sidestep_tui.config.jobs import EstimateSettings, PreprocessSettings
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.dataset.audio import read_audio
from sidestep_tui.dataset.session import load_dataset
from sidestep_tui.dataset.song import Song
from sidestep_tui.errors import SidestepError
from sidestep_tui.report.descriptors import Descriptors, SongSet, describe
from sidestep_tui.report.figures import counted
from sidestep_tui.report.html import Html, element, join, name_of, section, table
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import run_folders

_MOST_SONGS: Final = 60
_LISTENED_SECONDS: Final = 180.0


@dataclass(frozen=True, slots=True)
class DataSet:
    """The songs of a run: what they are called together, their keys as preprocessed, and the folder or file of them.

    `is_named` says that a person named that place, instead of its having been found.
    """

    name: str
    keys: frozenset[str]
    source: Path | None
    is_named: bool = False


def data_set_of(settings: Section | None, source: Path | None = None) -> DataSet | None:
    """The data set of a run; None for a job that has none.

    Args:
        settings: of the run.
        source: the folder or file of the songs. Empty looks for the preprocess run that wrote the run's tensors.
    """
    match settings:
        case TrainSettings():
            tensors = settings.data.tensors
        case EstimateSettings():
            tensors = settings.tensors
        case PreprocessSettings():
            return DataSet(settings.dataset.name, frozenset(), source or settings.dataset, source is not None)
        case _:
            return DataSet(source.name, frozenset(), source, True) if source is not None else None
    manifest = _manifest(tensors)
    name = str(manifest["dataset"].get("name") or tensors.name)
    keys = frozenset(str(song["key"]) for song in manifest["songs"] if isinstance(song, dict) and "key" in song)
    return DataSet(name, keys, source or _preprocessed_from(tensors), source is not None)


class DescribedSong(NamedTuple):
    """A song of the data set and what it is like."""

    key: str
    descriptors: Descriptors
    path: Path


def songs_to_describe(data_set: DataSet | None) -> list[Song]:
    """The data set's songs that samples are held against: at most 60, spread evenly over it.

    Raises:
        SidestepError: the place that was named is no data set.
    """
    if data_set is None or data_set.source is None:
        return []
    try:
        songs = load_dataset(data_set.source, replay=False).songs
    except SidestepError:
        if data_set.is_named:
            raise
        return []  # moved or removed since: the page says that the songs were not found
    known = [song for song in songs if not data_set.keys or song.key in data_set.keys]
    return known[:: max(1, -(-len(known) // _MOST_SONGS))]


def describe_song(song: Song) -> DescribedSong | None:
    """A song by its first three minutes; None where it cannot be read."""
    try:
        found = describe(read_audio(song.audio_path, max_seconds=_LISTENED_SECONDS))
    except SidestepError:
        return None
    return DescribedSong(song.key, found, song.audio_path)


def likeness_section(
    samples: Mapping[str, Sequence[tuple[str, Descriptors]]], songs: Sequence[DescribedSong], source: str
) -> Html | None:
    """A table for each prompt; None where there are no samples, and a word on it where there are no songs.

    Args:
        samples: by prompt, each with its label.
        songs: of the data set.
        source: what the songs are called together.
    """
    if not samples:
        return None
    if not songs:
        words = "The songs of the data set were not found here; `sidestep report RUN --dataset FOLDER` names them."
        return section("likeness", "Likeness to the data set", element("p", words, class_="note"))
    against = SongSet([(song.key, song.descriptors) for song in songs])
    usual = against.usual_distance()
    scale = "" if usual is None else f" The songs themselves lie {usual:.2f} from the one nearest to them."
    heads = ["sample", "nearest song", "to it", "to the set", *_FIGURES]
    return section(
        "likeness",
        "Likeness to the data set",
        element(
            "p",
            element("strong", "A help for the ear, not a verdict. "),
            f"Loudness, spectrum, onsets, pitch classes, tempo and key against {counted(len(songs), 'song')} of ",
            name_of(source),
            f", in units of how much these differ among themselves.{scale} A low distance says that a sample has the "
            "songs' sound, and also what a copy of a song would give; it says nothing about how good it is.",
        ),
        *(
            join(
                (element("h3", name_of(prompt)), table(heads, [_row(name, d, against) for name, d in some], figures=2))
            )
            for prompt, some in samples.items()
        ),
    )


_FIGURES: Final = ("LUFS", "centroid, Hz", "width, oct.", "roll-off, Hz", "onsets/s", "BPM", "key")


def _row(label: str, d: Descriptors, songs: SongSet) -> list[str]:
    near = songs.likeness(d)
    return [
        label,
        name_of(near.nearest),
        f"{near.nearest_distance:.2f}",
        f"{near.distance:.2f}",
        f"{d.loudness:.1f}",
        f"{2**d.centroid:.0f}",
        f"{d.bandwidth:.1f}",
        f"{2**d.rolloff:.0f}",
        f"{d.onsets:.1f}",
        "–" if d.tempo is None else f"{d.tempo.value:.0f}",
        "–" if d.key is None else d.key.value,
    ]


def _preprocessed_from(tensors: Path) -> Path | None:
    """The data set of the newest preprocess run that wrote to this folder."""
    found: list[tuple[float, Path]] = []
    for folder in run_folders():
        run = RunDirectory(folder)
        try:
            settings = run.settings() if run.job() == "preprocess" else None
            if isinstance(settings, PreprocessSettings) and settings.output == tensors:
                found.append((run.created_at(), settings.dataset))
        except (SidestepError, OSError):  # a stray folder, or settings of another version
            continue
    return max(found)[1] if found else None


def _manifest(tensors: Path) -> dict[str, Any]:
    """The members of the tensor folder's manifest that matter here, empty where it cannot be read."""
    try:
        document = json.loads((tensors / "manifest.json").read_text(encoding="utf-8"))
        return {"dataset": dict(document["dataset"]), "songs": list(document["songs"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {"dataset": {}, "songs": []}
