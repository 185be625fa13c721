"""Validation: the loss on fixed songs, timesteps and noise, the same for every checkpoint of a run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from sidestep_tui.acestep.flow import seeded_generator
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.data.batches import Batch, Drawing, Sample, collate, condition_of, crop_window
from sidestep_tui.engine.data.manifest import SongEntry
from sidestep_tui.engine.data.songs import Split
from sidestep_tui.engine.data.store import SongStore
from sidestep_tui.engine.data.tensors import SharedTensors
from sidestep_tui.engine.modes import evaluating
from sidestep_tui.engine.training.objective import sample_losses
from sidestep_tui.runs.events import BANDS, ValidationCompleted

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel


@dataclass(frozen=True, slots=True)
class Validator:
    """Held-out songs, and as many training songs measured on the same draws, so that over-fitting can be seen."""

    held_out: tuple[SongEntry, ...]
    trained_on: tuple[SongEntry, ...]
    store: SongStore
    shared: SharedTensors
    drawing: Drawing
    draws: int

    def measure(self, transformer: "AceStepTransformer1DModel", device: torch.device, step: int) -> ValidationCompleted:
        """The mean loss, by band of the timestep and by song; nothing about the run changes."""
        with evaluating(transformer):
            losses = {song.key: self._song_losses(transformer, device, song) for song in self.held_out}
            trained = [self._song_losses(transformer, device, song) for song in self.trained_on]
        return ValidationCompleted(
            step=step,
            loss=_mean([loss for song in losses.values() for loss in song]),
            train_loss=_mean([loss for song in trained for loss in song]),
            bands=tuple(
                _mean([loss for song in losses.values() for loss in song[band :: len(BANDS)]])
                for band in range(len(BANDS))
            ),
            songs={key: mean for key, song in losses.items() if (mean := _mean(song)) is not None},
        )

    def _song_losses(
        self, transformer: "AceStepTransformer1DModel", device: torch.device, song: SongEntry
    ) -> list[float]:
        """One loss for each draw; the bands of the timestep come in turn."""
        batches = (self._batch(song, draw) for draw in range(self.draws))
        return [sample_losses(transformer, batch.to(device)).item() for batch in batches]

    def _batch(self, song: SongEntry, draw: int) -> Batch:
        start, stop = crop_window(self.drawing, draw, song.key, song)
        tensors = self.store.get(song)
        x0 = tensors.latents(start, stop)[0].float()
        generator = seeded_generator(self.drawing.seed, "validation", song.key, draw)
        sample = Sample(
            key=song.key,
            x0=x0,
            noise=torch.randn(x0.shape, generator=generator).to(x0.device),
            t=torch.tensor(fixed_timestep(draw, self.draws)),
            condition=tensors.condition(condition_of(song, start, stop)).to(x0.device),
        )
        return collate([sample], self.shared)


def build_validator(
    settings: TrainSettings, split: Split, store: SongStore, shared: SharedTensors, drawing: Drawing
) -> Validator | None:
    """The run's validator; None where no songs are held out."""
    if not split.validation:
        return None
    trained_on = tuple(item.song for item in split.training if item.repeat == 0)[: len(split.validation)]
    return Validator(split.validation, trained_on, store, shared, drawing, settings.validation.draws)


def fixed_timestep(draw: int, draws: int) -> float:
    """The timestep of a draw: the bands in turn, and within its band the middle of an equal part for each visit."""
    turn, band = divmod(draw, len(BANDS))
    visits = math.ceil((draws - band) / len(BANDS))
    return (band + (turn + 0.5) / visits) / len(BANDS)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
