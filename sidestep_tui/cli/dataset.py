"""`sidestep dataset`: scan, check, edit and convert folders of songs and saved data sets."""

from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from sidestep_tui.cli import dataset_check, dataset_edit, dataset_label
from sidestep_tui.cli.lines import counted
from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.cli.progress import read_dataset
from sidestep_tui.cli.tables import Column, FittedTable
from sidestep_tui.config.places import whole_path
from sidestep_tui.dataset import DATASET_FILE
from sidestep_tui.dataset.acestep_json import save_dataset
from sidestep_tui.dataset.fields import FIELDS
from sidestep_tui.dataset.song import Dataset, Song
from sidestep_tui.dataset.text import printable
from sidestep_tui.errors import ExitCode
from sidestep_tui.report.figures import duration

_LONGEST_CAPTION = 60
_COLUMNS = (
    Column("SONG", least=16, folds=True),
    Column("LENGTH", goes=2),
    Column("BPM", goes=4),
    Column("KEY", goes=6),
    Column("LANGUAGE", goes=5),
    Column("LYRICS", goes=3),
    Column("CAPTION", goes=1, least=10),
)


def configure(parser: Parser) -> None:
    """Adds the verbs below `dataset`."""
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    _verb(verbs, "scan", "what a folder of songs holds").set_defaults(call=_scan)
    dataset_check.configure(_verb(verbs, "check", "what to look at before training; exit code 1 when there are errors"))
    dataset_label.configure(_verb(verbs, "label", "fill in what is missing, from the sound, a provider or models"))
    _verb(verbs, "review", "look through the songs in the terminal: edit, accept, save").set_defaults(call=_review)
    dataset_edit.configure(_verb(verbs, "edit", "set fields of songs or of the data set, and save it"))
    dataset_edit.configure_fix(_verb(verbs, "fix", "mend one kind of finding in all songs that have it, and save"))
    convert = _verb(verbs, "convert", "save a folder or data set as ACE-Step's dataset JSON")
    convert.add_argument("output", type=_place, metavar="FILE", help="the JSON file, or a folder for its dataset.json")
    convert.add_argument("--overwrite", action="store_true", help="replace an existing file")
    convert.set_defaults(call=_convert)


def _verb(verbs: Any, name: str, summary: str) -> Parser:
    parser: Parser = verbs.add_parser(name, help=summary)
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="a folder of songs, or a data set's JSON file")
    return parser


def _place(text: str) -> Path:
    """A name that ends as a folder's does is one, also where the folder is still to be made."""
    return whole_path(text) / DATASET_FILE if text.endswith("/") else whole_path(text)


def _scan(options: Namespace, out: Output) -> int:
    dataset = read_dataset(options.dataset)
    out.show(_scan_document(dataset), lambda: _scan_view(dataset))
    return ExitCode.DONE if dataset.songs else ExitCode.FAILED


def _review(options: Namespace, _out: Output) -> int:
    from sidestep_tui.tui.app import run_tui

    return run_tui("dataset", path=options.dataset)


def _convert(options: Namespace, out: Output) -> int:
    saved = save_dataset(read_dataset(options.dataset), options.output, overwrite=options.overwrite)
    songs = len(saved.songs)
    out.tell({"saved": saved.place, "songs": songs}, f"{counted(songs, 'song')} saved: {saved.place}")
    return ExitCode.DONE


def _scan_document(dataset: Dataset) -> dict[str, Any]:
    return {
        "root": dataset.root,
        "name": dataset.metadata.name,
        "songs": [_song_document(song) for song in dataset.songs],
        "failures": [
            {"song": failure.key, "reason": failure.reason, "fix": failure.fix} for failure in dataset.failures
        ],
        "seconds": sum(song.duration for song in dataset.songs),
    }


def _song_document(song: Song) -> dict[str, Any]:
    return {
        "key": song.key,
        "duration": song.duration,
        "sample_rate": song.audio.sample_rate,
        "channels": song.audio.channels,
        "codec": song.audio.codec,
        **{name: getattr(song, name) for name in FIELDS},
        "sources": {name: source.value for name, source in song.sources.items()},
    }


def _scan_view(dataset: Dataset) -> RenderableType:
    rows = [
        (
            printable(song.key),
            duration(song.duration),
            "" if song.bpm is None else str(song.bpm),
            printable(song.keyscale),
            printable(song.language),
            counted(len(song.lyrics.splitlines()), "line") if song.lyrics else "",
            printable(song.caption or song.genre)[:_LONGEST_CAPTION],
        )
        for song in dataset.songs
    ]
    table = [FittedTable(_COLUMNS, rows)] if rows else []
    failures = [
        Text(printable(f"left out: {failure.key}: {failure.reason}"), style="red") for failure in dataset.failures
    ]
    return Group(*table, *failures, Text(_summary(dataset)))


def _summary(dataset: Dataset) -> str:
    codecs = Counter(song.audio.codec for song in dataset.songs)
    kinds = ", ".join(f"{count} {codec}" for codec, count in codecs.most_common()) or "none listed"
    left_out = f", {len(dataset.failures)} left out" if dataset.failures else ""
    return (
        f"{counted(len(dataset.songs), 'song')} ({kinds}), {duration(sum(s.duration for s in dataset.songs))}{left_out}"
    )
