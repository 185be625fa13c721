"""What the passes of preprocessing share: the model, the device, the songs that are done and those that failed."""

import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.data.manifest import Manifest, SongEntry, song_file, write_manifest
from sidestep_tui.engine.data.tensors import read_all, read_shared
from sidestep_tui.engine.preprocess.plan import PlannedSong
from sidestep_tui.engine.preprocess.scratch import Scratch
from sidestep_tui.errors import SidestepError
from sidestep_tui.told import told, told_many

_COMMIT_EVERY_SECONDS: Final = 10.0


@dataclass
class Bench:
    """The workplace of one run.

    Attributes:
        folder: the tensor folder.
        manifest: what it was made from; its songs are those that earlier runs encoded.
        finished: songs whose tensors are there and up to date, by key.
        failed: key and reason of songs that cannot be encoded.
        durations: seconds of audio by song key, for songs whose latents are there.
    """

    context: JobContext
    checkpoint: Checkpoint
    device: torch.device
    dtype: torch.dtype
    folder: Path
    tile_seconds: float
    manifest: Manifest
    scratch: Scratch
    finished: dict[str, SongEntry] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    durations: dict[str, float] = field(default_factory=dict)
    _committed_at: float = field(default_factory=time.monotonic)

    def begin(self, phase: str, songs: int) -> None:
        """A pass over so many songs begins; until the first is done, the progress of the pass before says nothing."""
        self.context.phase(phase, told_many("{count} song", "{count} songs", songs))
        self.context.progress(0, songs, "songs", failed=len(self.failed))

    def leave_out(self, key: str, reason: str, fix: str, where: object) -> None:
        """Notes and tells why a song cannot be encoded; the rest goes on."""
        self.failed[key] = reason
        self.context.warn(f"{key} is left out: {reason}", where, fix)

    def keep_latents(self, song: PlannedSong, mean: Tensor, std: Tensor, duration: float) -> None:
        """Puts a song's latents, each [T, 64], into the scratch, unless they are not numbers."""
        if not (torch.isfinite(mean).all() and torch.isfinite(std).all()):
            reason = told("The latents are not numbers (NaN or infinite).")
            self.leave_out(song.key, reason, told("try --model.precision float32"), song.audio_path)
            return
        self.scratch.put("latents", song.audio_source, {"latent_mean": mean, "latent_std": std}, duration)
        self.durations[song.key] = duration

    def find_latents(self, song: PlannedSong) -> bool:
        """Whether an earlier run has encoded this audio already, wholly or for other texts."""
        entry = self.known.get(song.key)
        if entry and entry.audio == song.audio_source and is_whole(self.folder, entry):
            self.durations[song.key] = entry.duration
            return True
        duration = self.scratch.duration("latents", song.audio_source)
        if duration is not None:
            self.durations[song.key] = duration
        return duration is not None

    def latents(self, song: PlannedSong) -> tuple[Tensor, Tensor]:
        """Mean and deviation of a song's latents, each [T, 64]."""
        if self.scratch.duration("latents", song.audio_source) is not None:
            kept = self.scratch.get("latents", song.audio_source)
        else:
            kept = read_all(self.folder, self.known[song.key])
        return kept["latent_mean"], kept["latent_std"]

    @cached_property
    def known(self) -> dict[str, SongEntry]:
        """The songs that earlier runs encoded, by key."""
        return {entry.key: entry for entry in self.manifest.songs}

    def finish(self, entry: SongEntry) -> None:
        """A song's tensors are written. Every few seconds such songs enter the manifest, beside those still known.

        One process alone writes it; what others have finished enters at the end.
        """
        self.finished[entry.key] = entry
        if self.context.events is not None and time.monotonic() - self._committed_at >= _COMMIT_EVERY_SECONDS:
            self._write({**self.known, **self.finished})

    def commit(self) -> None:
        """Makes the finished songs the manifest, and them alone; removes the files of songs that are gone."""
        self._write(self.finished)
        for entry in self.known.values():
            if entry.key not in self.finished:
                (self.folder / song_file(entry.key)).unlink(missing_ok=True)

    def _write(self, songs: dict[str, SongEntry]) -> None:
        listed = tuple(songs[key] for key in sorted(songs))
        failed = {key: self.failed[key] for key in sorted(self.failed)}
        write_manifest(self.folder, replace(self.manifest, songs=listed, failed=failed))
        self._committed_at = time.monotonic()


def is_whole(folder: Path, entry: SongEntry) -> bool:
    """Whether a song's file is there with the sizes that the manifest says."""
    try:
        with safe_open(folder / entry.file, "pt") as stored:
            lengths = {name: stored.get_slice(name).get_shape()[0] for name in entry.lengths}
    except (OSError, SafetensorError):
        return False
    return lengths == entry.lengths and entry.file == song_file(entry.key)


def has_shared(folder: Path) -> bool:
    """Whether what all songs of a folder share is there and can be read."""
    try:
        read_shared(folder)
    except SidestepError:
        return False
    return True
