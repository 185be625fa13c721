"""Which songs a training run generates of itself: the user's prompts, and songs of the data set as they are told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor

from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.config.base import split_captions
from sidestep_tui.config.generate import GenerateSettings
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.dataset.language import language_code
from sidestep_tui.dataset.prompts import SongFields, read_prompts
from sidestep_tui.dataset.text import safe_name
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.data.manifest import Manifest, SongEntry
from sidestep_tui.engine.training.prompt_conditions import encode_conditions

_SUFFIX = ".flac"


@dataclass(frozen=True, slots=True)
class SampleSong:
    """A song to generate. `settings` are those with which `sidestep generate` makes the same; its output is a name.

    `condition` [L, D] is None until it is encoded.
    """

    settings: GenerateSettings
    condition: Tensor | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return str(self.settings.output)

    @property
    def fields(self) -> SongFields:
        """What the model is told."""
        settings = self.settings
        return SongFields(
            caption=settings.prompt,
            duration=settings.duration,
            lyrics=settings.lyrics,
            language=settings.language,
            bpm=settings.bpm,
            keyscale=settings.keyscale,
            timesignature=settings.timesignature,
        )


def songs_to_sample(context: JobContext, settings: TrainSettings, manifest: Manifest) -> tuple[SampleSong, ...]:
    """The songs in their order: those of the data set first, by name. For one without a caption the next is taken."""
    samples = settings.samples
    songs: list[SampleSong] = []
    left_out = []
    for entry in sorted(manifest.songs, key=lambda song: song.key):
        if len(songs) == samples.songs:
            break
        song = _song(settings, len(songs) + 1, Path(entry.key).stem, _told(entry))
        if song is not None:
            songs.append(song)
        else:
            left_out.append(entry.key)
    if left_out and len(songs) < samples.songs and samples.every_epochs is not None:
        fix = "write its caption and preprocess it again, or give samples.prompts"
        context.warn_once("The song's prompt cannot be used for a sample.", left_out[0], fix)
    for caption in split_captions(samples.prompts):
        language = language_code(samples.language) or samples.language
        told = SongFields(caption, samples.duration, samples.lyrics, language)
        song = _song(settings, len(songs) + 1, caption, told)
        if song is not None:
            songs.append(song)
    return tuple(songs)


def prior_songs(settings: TrainSettings) -> tuple[SampleSong, ...]:
    """The songs on which the adapter must leave the model as it is."""
    objective = settings.objective
    if objective.prior_weight == 0:
        return ()
    model = settings.model.model_dump()
    document = {"model": model, "duration": objective.prior_seconds, "seed": settings.training.seed}
    return tuple(
        SampleSong(GenerateSettings.model_validate({**document, "output": f"prior-{number}", "prompt": caption}))
        for number, caption in enumerate(split_captions(objective.prior_prompts), start=1)
    )


def with_conditions(
    checkpoint: Checkpoint, songs: Sequence[SampleSong], device: torch.device, dtype: torch.dtype
) -> tuple[SampleSong, ...]:
    """The songs with their conditions; the encoders are loaded for it one after the other."""
    conditions = encode_conditions(checkpoint, [song.fields for song in songs], device, dtype)
    return tuple(replace(song, condition=one) for song, one in zip(songs, conditions, strict=True))


def _told(entry: SongEntry) -> SongFields:
    """Tensors that were imported by an older version have their caption and lyrics instead of whole prompts."""
    return read_prompts(entry.prompt, entry.lyrics) or SongFields(entry.prompt, entry.duration, entry.lyrics)


def _song(settings: TrainSettings, number: int, title: str, told: SongFields) -> SampleSong | None:
    samples = settings.samples
    document = {
        "model": settings.model.model_dump(),
        "output": f"{number}-{safe_name(title)}{_SUFFIX}",
        "prompt": told.caption,
        "lyrics": told.lyrics or "",
        "language": told.language or "unknown",
        "bpm": told.bpm,
        "keyscale": told.keyscale,
        "timesignature": told.timesignature,
        "duration": samples.duration,
        "seed": samples.seed,
        "steps": samples.steps,
        "shift": samples.shift,
        "guidance_scale": samples.guidance_scale,
    }
    try:
        return SampleSong(GenerateSettings.model_validate(document))
    except ValidationError:
        return None
