"""A real problem: adapt a model to some encoded songs, judged by the loss on others of the same set.

A tiny model with random weights knows no music, so what an adapter gains on it says little. `train_base` therefore
trains the whole model on songs of another origin first; adapters then start from something that was learned.
"""

import copy
import math
import statistics
from pathlib import Path

import torch
from diffusers import AceStepTransformer1DModel
from torch import Tensor

from sidestep_tui.acestep import Checkpoint
from sidestep_tui.acestep.attention import use_banded_attention
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.engine.data.batches import Batch, Drawing, collate, draw_sample
from sidestep_tui.engine.data.manifest import read_manifest
from sidestep_tui.engine.data.store import HeldSong
from sidestep_tui.engine.data.tensors import read_all, read_shared
from sidestep_tui.engine.estimate.sensitivity import band_weights
from sidestep_tui.engine.training.objective import sample_losses
from sidestep_tui.runs.events import BANDS

CROP_FRAMES, BATCH, HELD_OUT_SHARE, HELD_OUT_DRAWS = 250, 4, 0.25, 12
BASE_LEARNING_RATE = 1e-3
_OF_DRAWS, _OF_HELD_OUT = 10_000_000, 20_000_000


class Songs:
    """Encoded songs of a folder, in a fixed order."""

    def __init__(self, folder: Path) -> None:
        entries = sorted(read_manifest(folder).songs, key=lambda song: song.key)
        self.keys = [song.key for song in entries]
        self._held = {song.key: HeldSong(song, read_all(folder, song)) for song in entries}
        self._shared = read_shared(folder)

    def batch(self, keys: list[str], drawing: Drawing, number: int) -> Batch:
        """Crops of these songs with the draws of a number."""
        null = self._shared["null_condition"]
        samples = [draw_sample(drawing, number + i, key, self._held[key], null) for i, key in enumerate(keys)]
        return collate(samples, self._shared)


class SongProblem:
    """Learn three quarters of the songs, be judged by the last quarter; the seed chooses which."""

    def __init__(self, checkpoint: Checkpoint, base: AceStepTransformer1DModel | None, folder: Path, seed: int) -> None:
        self.checkpoint, self._base, self._seed, self._songs = checkpoint, base, seed, Songs(folder)
        self.band_weights = band_weights(checkpoint.config.timestep_mu, checkpoint.config.timestep_sigma)
        order = torch.randperm(len(self._songs.keys), generator=torch.Generator().manual_seed(seed)).tolist()
        keys = [self._songs.keys[index] for index in order]
        held = max(1, round(HELD_OUT_SHARE * len(keys)))
        self._held_out, self._training = sorted(keys[:held]), sorted(keys[held:])

    def model(self) -> AceStepTransformer1DModel:
        if self._base is not None:
            return copy.deepcopy(self._base)
        return fresh(self.checkpoint)

    def draw_loss(self, model: AceStepTransformer1DModel, draw: int) -> Tensor:
        third = 1 / len(BANDS)
        low = draw % len(BANDS) * third
        objective = ObjectiveSettings(
            timesteps="uniform", timestep_low=low, timestep_high=min(1.0, low + third), condition_dropout=0
        )
        drawing = Drawing(self._seed, objective, 0.0, 1.0, CROP_FRAMES, fresh_latents=True)
        key = self._training[draw % len(self._training)]
        batch = self._songs.batch([key], drawing, _OF_DRAWS + draw)
        batch.x0.requires_grad_()
        batch.condition.requires_grad_()
        return sample_losses(model, batch).mean()

    def step_loss(self, model: AceStepTransformer1DModel, step: int) -> Tensor:
        return training_loss(model, self.checkpoint, self._songs, self._training, self._seed, step)

    def held_out(self, model: AceStepTransformer1DModel) -> float:
        """The mean over fixed crops, noises and timesteps of the training law, the same for every method."""
        drawing = law(self.checkpoint, seed=0)
        losses: list[float] = []
        with torch.no_grad():
            for draw in range(HELD_OUT_DRAWS):
                batch = self._songs.batch(self._held_out, drawing, _OF_HELD_OUT + draw * len(self._held_out))
                losses += sample_losses(model, batch).tolist()
        return statistics.fmean(losses)


def fresh(checkpoint: Checkpoint) -> AceStepTransformer1DModel:
    """The checkpoint's model, frozen."""
    model = checkpoint.load_transformer("cpu", torch.float32)
    use_banded_attention(model)
    return model


def law(checkpoint: Checkpoint, seed: int) -> Drawing:
    """The model's own law of training draws."""
    config = checkpoint.config
    objective = ObjectiveSettings(condition_dropout=0)
    return Drawing(seed, objective, config.timestep_mu, config.timestep_sigma, CROP_FRAMES, fresh_latents=True)


def training_loss(
    model: AceStepTransformer1DModel, checkpoint: Checkpoint, songs: Songs, keys: list[str], seed: int, step: int
) -> Tensor:
    """The loss of a step on `BATCH` songs in turn."""
    chosen = [keys[(BATCH * step + index) % len(keys)] for index in range(BATCH)]
    return sample_losses(model, songs.batch(chosen, law(checkpoint, seed), BATCH * step)).mean()


def train_base(checkpoint: Checkpoint, folder: Path, steps: int) -> tuple[AceStepTransformer1DModel, float, float]:
    """The whole model trained on songs, frozen again, and its mean loss over its first and its last 50 steps."""
    model, songs = fresh(checkpoint).requires_grad_(True), Songs(folder)
    optimizer = torch.optim.AdamW(model.parameters(), BASE_LEARNING_RATE)
    losses: list[float] = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = BASE_LEARNING_RATE * (1 + math.cos(math.pi * step / steps)) / 2
        loss = training_loss(model, checkpoint, songs, songs.keys, 0, step)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return model.requires_grad_(False), statistics.fmean(losses[:50]), statistics.fmean(losses[-50:])
