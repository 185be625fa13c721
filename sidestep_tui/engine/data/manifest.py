"""The list of songs in a folder of tensors, and what each of them was made from: its `manifest.json`.

Paths in it are relative, so the folder can be moved. A song counts only when the manifest lists it.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from sidestep_tui.dataset.wordings import WordingKind
from sidestep_tui.engine.data.conditions import CONDITION, ConditionEntry
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import write_json_atomic
from sidestep_tui.told import told

FORMAT: Final = "sidestep-tensors"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class SongEntry:
    """One encoded song.

    `source` identifies audio, texts and settings that it was made from; `prompt`, `lyrics`, `kind`: its first wording.
    """

    key: str
    file: str
    frames: int
    condition_tokens: int
    source: str
    duration: float
    prompt: str
    lyrics: str
    repeat: int = 1
    cut: bool = False
    further: tuple[ConditionEntry, ...] = ()
    kind: WordingKind = "caption"
    held_out: bool = False

    @property
    def audio(self) -> str:
        """Identifies the audio: the same under every name and in every folder."""
        return self.source.split("-")[0]

    @property
    def has_both_kinds(self) -> bool:
        """Whether both its caption and its genre were encoded."""
        return any(entry.kind != self.kind for entry in self.further)

    @property
    def all_condition_tokens(self) -> int:
        """Tokens of every condition sequence in the song's file."""
        return self.condition_tokens + sum(entry.tokens for entry in self.further)

    @property
    def lengths(self) -> dict[str, int]:
        """First dimensions of the tensors in the song's file."""
        conditions = {CONDITION: self.condition_tokens, **{entry.tensor: entry.tokens for entry in self.further}}
        return {"latent_mean": self.frames, "latent_std": self.frames, **conditions}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a tensor folder holds. `model` is the fingerprint of the checkpoint whose encoders were used."""

    model: str
    variant: str
    condition_size: int
    dataset: dict[str, Any] = field(default_factory=dict)
    songs: tuple[SongEntry, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Identifies songs, texts, repeats and what is held out, wherever the folder lies."""
        digest = hashlib.sha256(self.model.encode())
        for song in sorted(self.songs, key=lambda song: song.key):
            repeats = "" if song.repeat == 1 else f"{song.repeat}\0"
            held_out = "held out\0" if song.held_out else ""
            digest.update(f"{song.key}\0{song.source}\0{repeats}{held_out}".encode())
        return digest.hexdigest()[:16]


def song_file(key: str) -> str:
    """The relative file name of a song's tensors: readable, safe on every system, and unique to the key."""
    stem = "".join(c if c.isalnum() and c.isascii() else "-" for c in Path(key).stem)[:40].strip("-")
    return f"songs/{stem or 'song'}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.safetensors"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes the list of songs; those that it names are there from now on."""
    write_json_atomic(folder / "manifest.json", {"format": FORMAT, "version": VERSION, **asdict(manifest)})


_AGAIN = told("preprocess again into this folder")


class DamagedManifestError(SidestepError):
    """The list of songs is no list of songs any more; preprocessing into the same folder makes it anew."""


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a tensor folder.

    Raises:
        SidestepError: the folder has none, or it is of another kind or version.
    """
    path = folder / "manifest.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        if not folder.exists():
            fix = "a run whose tensors were moved goes on with `sidestep resume RUN --set data.tensors=FOLDER`"
            raise SidestepError("The folder of tensors is not there.", where=folder, fix=fix) from error
        raise SidestepError(
            "This folder has no preprocessed songs.", where=folder, fix="make it with `sidestep preprocess`"
        ) from error
    except OSError as error:
        raise SidestepError(
            f"The manifest cannot be read: {error}.", where=path, fix="check its permissions"
        ) from error
    except ValueError as error:
        raise DamagedManifestError(f"The manifest cannot be read: {error}.", where=path, fix=_AGAIN) from error
    kind = (document.pop("format", None), document.pop("version", None)) if isinstance(document, dict) else None
    if kind != (FORMAT, VERSION):
        raise SidestepError(
            "The manifest is of another tool or version.", where=path, fix="preprocess the songs with this version"
        )
    try:
        return msgspec.convert(document, Manifest)
    except msgspec.ValidationError as error:
        raise DamagedManifestError(f"The manifest is damaged: {error}.", where=path, fix=_AGAIN) from error
