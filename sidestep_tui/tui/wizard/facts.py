"""What the wizard finds out about the chosen model and songs, without torch."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from sidestep_tui.config.dit_shape import SHAPE_2B, SHAPE_XL, DitShape
from sidestep_tui.config.memory.load import FRAMES_PER_SECOND, Load
from sidestep_tui.config.model import BaseVariant
from sidestep_tui.config.places import is_folder, is_there
from sidestep_tui.config.train import songs_drawn
from sidestep_tui.config.variants import ModelTraits
from sidestep_tui.dataset import DATASET_FILE
from sidestep_tui.dataset.document import read_document
from sidestep_tui.dataset.folder import Walk
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.locks import TENSORS_LOCK, is_held
from sidestep_tui.texts import _, ngettext
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.programs import command_json

FolderKind = Literal["tensors", "songs", "encoding", "damaged", "empty", "missing"]
_CHOOSE: Final = _("choose a model folder")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model folder as `sidestep models inspect` describes it."""

    variant: str
    layout: str
    is_xl: bool
    parameters: int
    shape: DitShape
    incomplete: str = ""
    traits: ModelTraits | None = None

    @property
    def title(self) -> str:
        """`turbo · 2B · original layout`; other sizes than the published ones in millions of parameters."""
        published = {SHAPE_2B.parameters: "2B", SHAPE_XL.parameters: "XL"}
        size = published.get(self.parameters, _("{count:.2g} M parameters").format(count=self.parameters / 1e6))
        return _("{variant} · {size} · {layout} layout").format(variant=self.variant, size=size, layout=self.layout)


@dataclass(frozen=True, slots=True)
class DataFacts:
    """The folder of songs or tensors: what it is, how many songs, and the load of the longest."""

    kind: FolderKind
    songs: int = 0
    load: Load = field(default_factory=Load)
    longest_seconds: float | None = None
    held_out: int = 0
    """Songs that the data set itself keeps out of training; 0 leaves it to the settings."""
    saved_beside: bool = False
    """Whether the folder holds a saved data set, which a scan of the folder passes over."""
    samples: int = 0
    """Samples of an epoch, a song that is repeated counted as often, without what `held_out` counts; 0 as unknown."""
    being_encoded: bool = False
    """Whether a run encodes songs into the folder at this moment: soon it holds something else."""

    def trained(self, drawn: int) -> int:
        """Samples of an epoch that train where the settings hold out so many songs, if the data set holds out none."""
        samples = self.samples or self.songs - self.held_out
        left = 1.0 if self.held_out else 1 - songs_drawn(drawn, self.songs) / max(1, self.songs)
        return max(1, round(samples * left))

    @property
    def title(self) -> str:
        """In words, for the line under the field."""
        match self.kind:
            case "missing":
                return _("there is no such folder")
            case "damaged":
                return _("preprocessed tensors whose list of songs cannot be read: preprocess them again")
            case "encoding":
                return _("its songs are being encoded now: training can start when that is done")
            case "empty":
                return _("neither preprocessed tensors nor audio files")
            case "songs":
                text = ngettext(
                    "{count} audio file: it is encoded first", "{count} audio files: they are encoded first", self.songs
                )
                if self.saved_beside:
                    text += _(", without what {file} says: give that file to take it")
                return text.format(count=self.songs, file=DATASET_FILE)
            case "tensors":
                text = ngettext("{count} preprocessed song", "{count} preprocessed songs", self.songs)
                if self.longest_seconds:
                    text += _(", the longest {seconds:.0f} s")
                if self.being_encoded:
                    text += _("; more are being encoded now")
                return text.format(count=self.songs, seconds=self.longest_seconds)


def inspect_model(path: Path, base: str | None = None) -> ModelFacts:
    """Asks `sidestep models inspect` in a process of its own, since only the model's side can tell. Takes seconds.

    Args:
        path: a model folder.
        base: what a fine-tune was made from, where its config does not say.

    Raises:
        SidestepError: the folder is no model, with the command's own words.
    """
    words = ("models", "inspect", str(path), *(("--base", base) if base else ()))
    document = command_json(*words, where=path, fix=_CHOOSE)
    try:
        return model_facts(document, _config_of(path))
    except (KeyError, TypeError, ValueError) as error:
        raise SidestepError(_("This folder is no model that can be used."), where=path, fix=_CHOOSE) from error


def model_facts(document: Mapping[str, Any], config: Mapping[str, Any]) -> ModelFacts:
    """The facts in the command's JSON; sizes from the model's own config where it can be read.

    Raises:
        KeyError: a fact is missing.
    """
    is_xl = bool(document["is_xl"])
    try:
        shape = DitShape.from_config(config)
    except KeyError:
        shape = SHAPE_XL if is_xl else SHAPE_2B
    missing = document.get("missing") or []
    return ModelFacts(
        variant=str(document["variant"]),
        layout=str(document["layout"]),
        is_xl=is_xl,
        parameters=int(document.get("dit_parameters", document.get("parameters", shape.parameters))),
        shape=shape,
        incomplete=spoken(str(missing[0].get("error", _("a file is missing")))) if missing else "",
        traits=_traits(str(document["variant"]), is_xl, config),
    )


def _traits(variant: str, is_xl: bool, config: Mapping[str, Any]) -> ModelTraits | None:
    """What of the model decides defaults; None for a variant that this version does not know."""
    known = next((name for name in get_args(BaseVariant) if name == variant), None)
    return None if known is None else ModelTraits.from_config(known, is_xl, config)


def look_at_songs(path: Path) -> DataFacts:
    """What a folder holds: preprocessed tensors, soon or already, audio files, or neither."""
    if path.suffix == ".json" and is_there(path) and path.is_file():
        return DataFacts("songs", _saved_songs(path))
    if not is_folder(path):
        return DataFacts("missing")
    being_encoded = is_held(path / TENSORS_LOCK)
    if (songs := _tensor_songs(path)) is not None:
        frames = max((_figure(song, "frames") for song in songs), default=0)
        tokens = max((_figure(song, "condition_tokens") for song in songs), default=0)
        known = bool(frames and tokens)
        return DataFacts(
            "tensors",
            len(songs),
            Load(frames, tokens, *_in_all(songs)) if known else Load(),
            frames / FRAMES_PER_SECOND if known else None,
            sum(bool(song.get("held_out")) for song in songs),
            samples=sum(_figure(song, "repeat") or 1 for song in songs if not song.get("held_out")),
            being_encoded=being_encoded,
        )
    if being_encoded:
        return DataFacts("encoding", being_encoded=True)
    count = sum(len(folder.audio) for folder in Walk(path).folders())
    if count:
        return DataFacts("songs", count, saved_beside=is_there(path / DATASET_FILE))
    return DataFacts("damaged" if is_there(path / "manifest.json") else "empty")


def together(first: DataFacts, others: Iterable[DataFacts]) -> DataFacts:
    """The facts of several folders of tensors that are trained on as one."""
    folders = [first, *(other for other in others if other.kind == "tensors")]
    if first.kind != "tensors" or len(folders) == 1:
        return first
    loads = [folder.load for folder in folders]
    return DataFacts(
        "tensors",
        sum(folder.songs for folder in folders),
        Load(
            max(load.frames for load in loads),
            max(load.condition_tokens for load in loads),
            sum(load.all_frames for load in loads),
            sum(load.all_condition_tokens for load in loads),
        ),
        max(folder.longest_seconds or 0.0 for folder in folders) or None,
        sum(folder.held_out for folder in folders),
        samples=sum(folder.samples for folder in folders),
        being_encoded=any(folder.being_encoded for folder in folders),
    )


def _in_all(songs: list[dict[str, Any]]) -> tuple[int, int]:
    """Frames and condition tokens of all songs, in every wording that was encoded."""
    first = sum(_figure(song, "condition_tokens") for song in songs)
    further = sum(_figure(entry, "tokens") for song in songs for entry in _further(song))
    return sum(_figure(song, "frames") for song in songs), first + further


def _further(song: dict[str, Any]) -> list[dict[str, Any]]:
    entries = song.get("further")
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _figure(song: dict[str, Any], name: str) -> int:
    """A figure of a manifest, which other tools write too; 0 where it is none."""
    value = song.get(name)
    return value if isinstance(value, int) else 0


def _tensor_songs(folder: Path) -> list[dict[str, Any]] | None:
    """The songs of a manifest, ours or another tool's; None where the folder has none."""
    try:
        document = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        songs = document.get("songs", document.get("samples"))
    except (OSError, ValueError, AttributeError):
        return None
    if not isinstance(songs, list):
        return None
    return [song if isinstance(song, dict) else {} for song in songs]


def _saved_songs(file: Path) -> int:
    """How many songs a saved data set lists, in any of its forms."""
    try:
        return len(read_document(json.loads(file.read_text(encoding="utf-8"))).samples)
    except (OSError, ValueError):
        return 0


def _config_of(path: Path) -> dict[str, Any]:
    """The config of a model folder of either layout; empty where there is none."""
    for file in (path / "config.json", path / "transformer" / "config.json"):
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(document, dict):
            return document
    return {}
