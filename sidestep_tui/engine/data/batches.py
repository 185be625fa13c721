"""What the DiT sees in a micro-batch. Every draw is a function of (seed, epoch, sample) and of nothing else."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from sidestep_tui.acestep.conditioning import context_latents
from sidestep_tui.acestep.flow import draw_dropped, focus, sample_timesteps, seeded_generator, timestep_quantile
from sidestep_tui.acestep.model_config import LATENT_RATE
from sidestep_tui.acestep.pinned import pinned
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.data.bands import BANDS, Shares
from sidestep_tui.engine.data.conditions import condition_for, crop_starts, start_at
from sidestep_tui.engine.data.manifest import SongEntry
from sidestep_tui.engine.data.songs import Item
from sidestep_tui.engine.data.store import EncodedSong
from sidestep_tui.engine.data.tensors import SharedTensors

_GOLDEN: Final = 0.6180339887498949
_BUCKET_BATCHES: Final = 8


@dataclass(frozen=True, slots=True)
class Draw:
    """A sample's timestep: where adaptive sampling drew it, and what the sample weighs for having been drawn there."""

    t: float
    band: int = 0
    importance: float = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One song with its draws: x0 and noise [T, 64], t a scalar, condition [L, D].

    `band` is where adaptive sampling drew t, `importance` what the sample weighs for having been drawn there.
    """

    key: str
    x0: Tensor
    noise: Tensor
    t: Tensor
    condition: Tensor
    band: int = 0
    importance: float = 1.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples padded with zeros: x0 and noise [B, T, 64], t [B], condition [B, L, D], context [B, T, 128].

    `lengths` and `condition_lengths` [B] are None where nothing is padded. `importance` [B] and `bands` say how
    adaptive sampling drew t: ones and zeros where it did not.
    """

    keys: tuple[str, ...]
    x0: Tensor
    noise: Tensor
    t: Tensor
    condition: Tensor
    context: Tensor
    lengths: Tensor | None
    condition_lengths: Tensor | None
    importance: Tensor
    bands: tuple[int, ...]

    def draws(self) -> list[Draw]:
        """The timestep draw of every sample."""
        return list(map(Draw, self.t.tolist(), self.bands, self.importance.tolist()))

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device; to a card from pinned memory without waiting.

        Elsewhere waiting is needed: Metal reads what a tensor has let go of (pytorch/pytorch#189690).
        """
        if device.type == "cpu":
            return self

        def move(tensor: Tensor) -> Tensor:
            if len(tensor) > 1 and tensor.stride(0) == 0:  # one context for all, which cannot be pinned as it lies
                return move(tensor[:1]).expand_as(tensor)
            if device.type != "cuda" or tensor.is_cuda:
                return tensor.to(device)
            return pinned(tensor).to(device, non_blocking=True)

        return replace(
            self,
            x0=move(self.x0),
            noise=move(self.noise),
            t=move(self.t),
            condition=move(self.condition),
            context=move(self.context),
            lengths=None if self.lengths is None else move(self.lengths),
            condition_lengths=None if self.condition_lengths is None else move(self.condition_lengths),
            importance=move(self.importance),
        )


@dataclass(frozen=True, slots=True)
class Drawing:
    """The laws of the draws: the run's seed, the objective, the checkpoint's timestep law, crops and posterior."""

    seed: int
    objective: ObjectiveSettings
    timestep_mu: float
    timestep_sigma: float
    crop_frames: int | None
    fresh_latents: bool
    genre_ratio: float | None = None

    @classmethod
    def of(cls, settings: TrainSettings, mu: float, sigma: float) -> "Drawing":
        """The laws that training settings ask for, with the checkpoint's mu and sigma where they leave them open."""
        objective, crop = settings.objective, settings.data.crop_seconds
        return cls(
            seed=settings.training.seed,
            objective=objective,
            timestep_mu=mu if objective.timestep_mu is None else objective.timestep_mu,
            timestep_sigma=sigma if objective.timestep_sigma is None else objective.timestep_sigma,
            crop_frames=None if crop is None else round(crop * LATENT_RATE),
            fresh_latents=settings.data.fresh_latents,
            genre_ratio=settings.data.genre_ratio,
        )


def epoch_batches(items: Sequence[Item], batch_size: int, seed: int, epoch: int) -> list[tuple[Item, ...]]:
    """The epoch's micro-batches: a fresh order, with songs of like length together when a batch holds several."""
    order = torch.randperm(len(items), generator=seeded_generator(seed, "order", epoch)).tolist()
    shuffled = [items[index] for index in order]
    if batch_size == 1:
        return [(item,) for item in shuffled]
    bucket = batch_size * _BUCKET_BATCHES
    batches: list[tuple[Item, ...]] = []
    for start in range(0, len(shuffled), bucket):
        alike = sorted(shuffled[start : start + bucket], key=lambda item: item.song.frames)
        batches += [tuple(alike[i : i + batch_size]) for i in range(0, len(alike), batch_size)]
    mixed = torch.randperm(len(batches), generator=seeded_generator(seed, "batches", epoch)).tolist()
    return [batches[index] for index in mixed]


def draw_sample(
    drawing: Drawing, epoch: int, key: str, song: EncodedSong, null: Tensor, shares: Shares | None = None
) -> Sample:
    """A song's latents, crop, noise, timestep and condition for one epoch.

    Draws are made on the CPU, wherever the song lives: the same on every device.

    Args:
        null: the null condition [1, D]. A dropped condition becomes this one token: attention over equal tokens is
            attention over one of them.
        shares: of the timestep bands in the draws; None draws by the law alone.
    """

    def generator(what: str) -> torch.Generator:
        return seeded_generator(drawing.seed, what, epoch, key)

    start, stop = crop_window(drawing, epoch, key, song.entry)
    described = condition_of(song.entry, start, stop, draw_wording(drawing, epoch, key, song.entry))
    mean, std = song.latents(start, stop)
    x0 = mean.float()
    if drawing.fresh_latents:
        x0 = x0 + std.float() * torch.randn(x0.shape, generator=generator("latents")).to(x0.device)
    objective = drawing.objective
    t, band, importance = _draw_timestep(drawing, shares, generator("timestep"))
    dropped = draw_dropped(1, objective.condition_dropout, generator("condition")).item()
    return Sample(
        key=key,
        x0=x0,
        noise=torch.randn(x0.shape, generator=generator("noise")).to(x0.device),
        t=focus(t, objective.timestep_low, objective.timestep_high)[0],
        condition=(null if dropped else song.condition(described)).to(x0.device),
        band=band,
        importance=importance,
    )


def _draw_timestep(drawing: Drawing, shares: Shares | None, generator: torch.Generator) -> tuple[Tensor, int, float]:
    """A timestep [1] of the law, the band it was drawn in, and what it weighs for the share that the band was given."""
    law, mu, sigma = drawing.objective.timesteps, drawing.timestep_mu, drawing.timestep_sigma
    if shares is None:
        return sample_timesteps(law, 1, generator, mu=mu, sigma=sigma), 0, 1.0
    where, within = torch.rand(2, generator=generator).tolist()
    band = min(bisect_right(list(accumulate(shares)), where), BANDS - 1)
    t = timestep_quantile(law, torch.tensor([(band + within) / BANDS]), mu=mu, sigma=sigma)
    return t, band, 1 / BANDS / shares[band]


def crop_window(drawing: Drawing, epoch: int, key: str, song: SongEntry) -> tuple[int, int]:
    """First frame of the epoch's crop and the one after its last.

    Steps of the golden ratio cover evenly over the epochs the frames at which a crop may begin: all of the song, or
    those for which the lyrics of crops of this length were encoded.
    """
    crop = drawing.crop_frames
    if crop is None or crop >= song.frames:
        return 0, song.frames
    offset = torch.rand(1, generator=seeded_generator(drawing.seed, "crop", key)).item()
    start = start_at(crop_starts(song.further, song.frames, crop), (offset + epoch * _GOLDEN) % 1.0)
    return start, start + crop


def draw_wording(drawing: Drawing, epoch: int, key: str, song: SongEntry) -> int:
    """The number of the wording that a sample is told in an epoch: each in turn, from one that the seed chooses.

    Where a song has both, the genre ratio draws caption or genre; without a ratio it is that of the first wording.
    """
    kinds = {0: song.kind, **{entry.wording: entry.kind for entry in song.further}}
    kind = song.kind
    if drawing.genre_ratio is not None and song.has_both_kinds:
        share = torch.rand(1, generator=seeded_generator(drawing.seed, "genre", epoch, key)).item()
        kind = "genre" if share < drawing.genre_ratio else "caption"
    numbers = [number for number, its_kind in sorted(kinds.items()) if its_kind == kind]
    first = int(torch.randint(len(numbers), (1,), generator=seeded_generator(drawing.seed, "wording", key)))
    return numbers[(first + epoch) % len(numbers)]


def condition_of(song: SongEntry, start: int, stop: int, wording: int = 0) -> str:
    """The name of the condition that describes these frames of a song in a wording."""
    return condition_for(song.further, wording, start, None if stop - start == song.frames else stop - start)


def collate(samples: Sequence[Sample], shared: SharedTensors) -> Batch:
    """Samples side by side; the context of every one, a crop included, begins with the beginning of silence."""
    lengths = [len(sample.x0) for sample in samples]
    tokens = [len(sample.condition) for sample in samples]
    context = context_latents(shared["silence_latent"], max(lengths)).to(samples[0].x0.device)
    return Batch(
        keys=tuple(sample.key for sample in samples),
        x0=pad_sequence([sample.x0 for sample in samples], batch_first=True),
        noise=pad_sequence([sample.noise for sample in samples], batch_first=True),
        t=torch.stack([sample.t for sample in samples]),
        condition=pad_sequence([sample.condition for sample in samples], batch_first=True),
        context=context.expand(len(samples), -1, -1),
        lengths=None if len(set(lengths)) == 1 else torch.tensor(lengths),
        condition_lengths=None if len(set(tokens)) == 1 else torch.tensor(tokens),
        importance=torch.tensor([sample.importance for sample in samples]),
        bands=tuple(sample.band for sample in samples),
    )
