"""Everything that a training run works with, opened and checked before the first step."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from peft import PeftConfig
from torch import nn

from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.acestep.compiled import CompiledBlocks
from sidestep_tui.config.adapter import AdapterBase, OftSettings
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.adapters.adapter import trainable
from sidestep_tui.engine.adapters.targets import Target, choose_targets
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.data.batches import Drawing
from sidestep_tui.engine.data.library import Mixture, read_library
from sidestep_tui.engine.data.manifest import Manifest
from sidestep_tui.engine.data.songs import Split, split_songs
from sidestep_tui.engine.data.store import SongStore
from sidestep_tui.engine.data.tensors import SharedTensors, read_shared
from sidestep_tui.engine.devices import choose_device, choose_dtype
from sidestep_tui.engine.opening import check_same_model, open_model
from sidestep_tui.engine.ranks import Place, join_ranks
from sidestep_tui.engine.training.ema import MovingAverage
from sidestep_tui.engine.training.optimizer import build_optimizer
from sidestep_tui.engine.training.sample_songs import SampleSong, prior_songs, songs_to_sample, with_conditions
from sidestep_tui.engine.training.trainable_model import open_trainable
from sidestep_tui.runs.sensitivity_file import read_sensitivity

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel


@dataclass(frozen=True, slots=True)
class EncodedSongs:
    """The songs of a run as `preprocess` left them, and the laws by which its samples are drawn from them."""

    manifest: Manifest
    split: Split
    mixture: Mixture
    store: SongStore
    shared: SharedTensors
    drawing: Drawing


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """The DiT with its adapter, and what moves the adapter's parameters; `name` is that of the model's folder."""

    name: str
    transformer: "AceStepTransformer1DModel"
    adapter: PeftConfig
    adapted_modules: int
    compiled: CompiledBlocks | None
    parameters: dict[str, nn.Parameter]
    optimizer: torch.optim.Optimizer
    average: MovingAverage | None


@dataclass(frozen=True, slots=True)
class Setup:
    """The opened parts of a training run. Only the DiT is resident: encoders were needed once, before it was loaded.

    `samples` have no conditions yet where nobody asked for any in advance. `prior` is for prior preservation.
    """

    checkpoint: Checkpoint
    place: Place
    songs: EncodedSongs
    model: TrainedModel
    samples: tuple[SampleSong, ...]
    prior: tuple[SampleSong, ...]


def prepare(context: JobContext, settings: TrainSettings) -> Setup:
    """Opens data and model, puts the adapter on, and builds its optimizer.

    Raises:
        SidestepError: whatever of it cannot be used, and why.
    """
    context.phase("opening the data set")
    folder, seed = settings.data.tensors, settings.training.seed
    manifest, shared = read_library(settings.data), read_shared(folder)
    split = split_songs(manifest, folder, settings.validation.songs, seed)
    checkpoint = open_model(settings.model)
    check_same_model(manifest, checkpoint)
    targets = choose_targets(settings.adapter, checkpoint.config)
    if settings.adapter.targets_from is not None:
        _warn_of_other_data(context, settings.adapter.targets_from, manifest)
        _warn_of_no_ranks(context, settings.adapter)
    place = _place_of(settings)
    samples, prior = _songs_to_make(context, settings, manifest, checkpoint, place)
    context.phase("loading the model", subject=checkpoint.path.name)
    model = _trained_model(context, settings, checkpoint, targets, place)
    songs = EncodedSongs(
        manifest=manifest,
        split=split,
        mixture=Mixture.weighted(split.training, settings.data.weights, seed),
        store=SongStore(folder, manifest.songs, manifest.condition_size, settings.data.residence, place.device),
        shared=shared,
        drawing=Drawing.of(settings, checkpoint.config.timestep_mu, checkpoint.config.timestep_sigma),
    )
    return Setup(checkpoint, place, songs, model, samples, prior)


def _place_of(settings: TrainSettings) -> Place:
    device = choose_device(settings)
    dtype = choose_dtype(settings.model, device)
    return Place(device, dtype, join_ranks(device, sharded=settings.training.sharding == "fsdp"))


def _trained_model(
    context: JobContext, settings: TrainSettings, checkpoint: Checkpoint, targets: Sequence[Target], place: Place
) -> TrainedModel:
    transformer, adapter, compiled = open_trainable(context, checkpoint, settings, targets, place)
    parameters, decay = trainable(transformer), settings.training.ema_decay
    return TrainedModel(
        name=checkpoint.path.name,
        transformer=transformer,
        adapter=adapter,
        adapted_modules=len(targets),
        parameters=parameters,
        compiled=compiled,
        optimizer=build_optimizer(parameters, settings.optimizer, settings.adapter),
        average=MovingAverage(parameters, decay) if decay > 0 else None,
    )


def _songs_to_make(
    context: JobContext, settings: TrainSettings, manifest: Manifest, checkpoint: Checkpoint, place: Place
) -> tuple[tuple[SampleSong, ...], tuple[SampleSong, ...]]:
    """Samples and the songs of the prior, with their conditions where this rank makes them and will surely be asked."""
    samples, prior = songs_to_sample(context, settings, manifest), prior_songs(settings)
    # Who speaks generates alone, or with all that share its weights.
    if context.events is not None or place.ranks.sharded:
        announced = samples if settings.samples.every_epochs is not None else ()
        samples = with_conditions(checkpoint, announced, place.device, place.dtype) or samples
        prior = with_conditions(checkpoint, prior, place.device, place.dtype)
    return samples, prior


def _warn_of_other_data(context: JobContext, path: Path, manifest: Manifest) -> None:
    """A ranking of other songs or of another model still names modules, but not those that these songs move."""
    file = read_sensitivity(path)
    differs = [
        what
        for what, theirs, ours in (("model", file.model, manifest.model), ("songs", file.data, manifest.fingerprint))
        if theirs != ours
    ]
    if differs:
        context.warn_once(
            f"The sensitivity file was measured with other {' and '.join(differs)}.",
            path,
            "measure these with `sidestep estimate`",
        )


def _warn_of_no_ranks(context: JobContext, adapter: AdapterBase) -> None:
    """The size of OFT's rotations is that of its blocks, the same everywhere."""
    if isinstance(adapter, OftSettings):
        context.warn_once(
            "OFT has no ranks: of the sensitivity file only the choice of modules counts.",
            "adapter.targets_from",
            "choose another adapter.family to spend ranks where they pay",
        )
