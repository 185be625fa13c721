"""Validation: the loss on fixed songs, timesteps and noise, the same for every checkpoint of a run."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import torch
from torch import nn

from sidestep_tui.acestep.flow import seeded_generator
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.batches import Batch, Drawing, Sample, collate, condition_of, crop_window
from sidestep_tui.engine.objective import sample_losses
from sidestep_tui.engine.songs import Split
from sidestep_tui.engine.store import SongStore
from sidestep_tui.engine.tensors import SharedTensors, SongEntry
from sidestep_tui.runs.events import ValidationCompleted

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel

BANDS: Final = 3


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
                _mean([loss for song in losses.values() for loss in song[band::BANDS]]) for band in range(BANDS)
            ),
            songs={key: mean for key, song in losses.items() if (mean := _mean(song)) is not None},
        )

    def _song_losses(
        self, transformer: "AceStepTransformer1DModel", device: torch.device, song: SongEntry
    ) -> list[float]:
        """One loss for each draw; draw i lies in band i mod BANDS."""
        batches = (self._batch(song, draw) for draw in range(self.draws))
        return [sample_losses(transformer, batch.to(device)).item() for batch in batches]

    def _batch(self, song: SongEntry, draw: int) -> Batch:
        fixed = replace(self.drawing, fresh_latents=False)
        start, stop = crop_window(fixed, draw, song.key, song)
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
    visits = math.ceil((draws - draw % BANDS) / BANDS)
    return (draw % BANDS + (draw // BANDS + 0.5) / visits) / BANDS


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """The module in eval mode and without gradients inside the block, as it was before afterwards."""
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(was_training)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
