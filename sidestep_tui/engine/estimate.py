"""The estimate run: which modules of the DiT this data set moves, in one pass, streamed as it becomes known."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch

from sidestep_tui.acestep.attention import use_banded_attention
from sidestep_tui.acestep.keymap import to_diffusers
from sidestep_tui.acestep.model_config import LATENT_RATE
from sidestep_tui.config.jobs import EstimateSettings
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.engine.allocation import ModuleShape, allocate_ranks
from sidestep_tui.engine.batches import Batch, Drawing, collate, draw_sample
from sidestep_tui.engine.context import JobContext, Results
from sidestep_tui.engine.devices import choose_device, choose_dtype
from sidestep_tui.engine.objective import sample_losses
from sidestep_tui.engine.opening import check_same_model, open_model
from sidestep_tui.engine.probe import probed
from sidestep_tui.engine.recompute import use_checkpointing
from sidestep_tui.engine.sensitivity import BANDS, ModuleStatistics, band_weights
from sidestep_tui.engine.step import mixed_precision
from sidestep_tui.engine.targets import all_targets
from sidestep_tui.engine.tensors import Manifest, SongEntry, read_manifest, read_shared, read_song
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import write_json_atomic
from sidestep_tui.runs.events import ModuleSensitivity, SensitivityUpdated

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel

FORMAT: Final = "sidestep-sensitivity"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Draw:
    """One measurement: a song and the band that its timestep lies in."""

    number: int
    song: SongEntry
    band: int


def run(context: JobContext, settings: EstimateSettings) -> Results:
    """Measures, streams the ranking after every batch, and writes it with the ranks that it proposes.

    Raises:
        StopRequestedError: asked to end; what is known so far was written.
        SidestepError: no songs, another model's songs, or none of them gives a finite gradient.
    """
    manifest = read_manifest(settings.tensors)
    if not manifest.songs:
        raise SidestepError("The folder has no songs.", where=settings.tensors, fix="preprocess some")
    checkpoint = open_model(settings.model)
    check_same_model(manifest, checkpoint)
    context.phase("loading the model", checkpoint.path.name)
    device = choose_device(settings)
    transformer = checkpoint.load_transformer(device, choose_dtype(settings.model, device))
    use_banded_attention(transformer)
    use_checkpointing(transformer, "all")
    estimate = Estimate(
        context, settings, manifest, band_weights(checkpoint.config.timestep_mu, checkpoint.config.timestep_sigma)
    )
    modules = all_targets(checkpoint.config)
    context.phase("measuring", f"{len(modules)} modules")
    with probed(transformer, [to_diffusers(name) for name in modules], estimate.observe):
        estimate.names = {to_diffusers(name): name for name in modules}
        estimate.measure(transformer)
    return estimate.finish(transformer)


class Estimate:
    """An estimate under way."""

    def __init__(
        self, context: JobContext, settings: EstimateSettings, manifest: Manifest, weights: tuple[float, ...]
    ) -> None:
        self._context = context
        self._settings = settings
        self._manifest = manifest
        self._weights = weights
        self._shared = read_shared(settings.tensors)
        self._statistics: dict[str, ModuleStatistics] = {}
        self._band = 0
        self._failed: set[str] = set()
        self._done = 0
        self.names: dict[str, str] = {}

    def observe(self, name: str, gradient: torch.Tensor) -> None:
        """Takes in a gradient that the probe shows."""
        self._statistics.setdefault(self.names[name], ModuleStatistics()).add(gradient, self._band)

    def measure(self, transformer: "AceStepTransformer1DModel") -> None:
        """One forward and backward pass for every draw."""
        weight = transformer.proj_in_conv.weight
        for draw in self._draws():
            self._context.stop_if_requested()
            batch = self._batch(draw).to(weight.device)
            # The inputs ask for gradients, so that the backward pass goes through the whole frozen model.
            batch.x0.requires_grad_()
            batch.condition.requires_grad_()
            self._band = draw.band
            with mixed_precision(weight):
                loss = sample_losses(transformer, batch).sum()
            if not torch.isfinite(loss):
                self._leave_out(draw.song)
                continue
            loss.backward()  # type: ignore[no-untyped-call]
            self._done += 1
            self._stream()

    def finish(self, transformer: "AceStepTransformer1DModel") -> Results:
        """Writes the ranking and the proposal.

        Raises:
            SidestepError: nothing was measured.
        """
        if not self._statistics:
            raise SidestepError(
                "No song gave a finite gradient.", where=self._settings.tensors, fix="preprocess the songs again"
            )
        ranking = self._ranking()
        write_json_atomic(
            self._settings.output,
            {
                "format": FORMAT,
                "version": VERSION,
                "model": self._manifest.model,
                "data": self._manifest.fingerprint,
                "batches": self._done,
                "band_weights": dict(zip(BANDS, self._weights, strict=True)),
                "ranking": [self._entry(place) for place in ranking],
                "proposal": self._proposal(transformer, ranking),
            },
        )
        first = ranking[0]
        return {
            "ranking": str(self._settings.output),
            "modules": len(ranking),
            "batches": self._done,
            "songs_left_out": len(self._failed),
            "most_sensitive": first.module,
        }

    def _draws(self) -> Iterator[Draw]:
        """Songs in turn, bands in turn for each song, so that a few batches already cover both."""
        songs = sorted(self._manifest.songs, key=lambda song: song.key)
        for number in range(self._settings.batches):
            song = songs[number % len(songs)]
            if song.key not in self._failed:
                yield Draw(number, song, (number // len(songs) + number) % len(BANDS))

    def _batch(self, draw: Draw) -> Batch:
        crop, third = self._settings.crop_seconds, 1 / len(BANDS)
        drawing = Drawing(
            seed=self._settings.seed,
            objective=ObjectiveSettings(
                timesteps="uniform",
                timestep_low=draw.band * third,
                timestep_high=min(1.0, (draw.band + 1) * third),
                condition_dropout=0,
            ),
            timestep_mu=0,
            timestep_sigma=1,
            crop_frames=None if crop is None else round(crop * LATENT_RATE),
            fresh_latents=True,
        )
        tensors = read_song(self._settings.tensors, draw.song)
        null = self._shared["null_condition"]
        return collate([draw_sample(drawing, draw.number, draw.song.key, tensors, null)], self._shared)

    def _leave_out(self, song: SongEntry) -> None:
        self._failed.add(song.key)
        self._context.warn("The song's loss is not a number; it is left out.", song.key, "preprocess it again")

    def _stream(self) -> None:
        total = self._settings.batches
        self._context.emit(
            SensitivityUpdated(batches_done=self._done, batches_total=total, modules=tuple(self._ranking()))
        )
        self._context.progress(self._done, total, "batches", failed=len(self._failed))

    def _ranking(self) -> list[ModuleSensitivity]:
        measured = (
            ModuleSensitivity(name, *statistics.mean(self._weights)) for name, statistics in self._statistics.items()
        )
        return sorted(measured, key=lambda entry: entry.sensitivity, reverse=True)

    def _entry(self, place: ModuleSensitivity) -> dict[str, Any]:
        statistics = self._statistics[place.module]
        return {
            "module": place.module,
            "sensitivity": place.sensitivity,
            "stderr": place.stderr,
            **dict(zip(BANDS, statistics.band_means(), strict=True)),
            "spectrum": statistics.spectrum(),
        }

    def _proposal(
        self, transformer: "AceStepTransformer1DModel", ranking: list[ModuleSensitivity]
    ) -> list[dict[str, Any]]:
        shapes = {}
        for place in ranking:
            outputs, inputs = transformer.get_submodule(to_diffusers(place.module)).weight.shape
            spectrum = tuple(self._statistics[place.module].spectrum())
            shapes[place.module] = ModuleShape(inputs, outputs, place.sensitivity, spectrum)
        budget = sum(self._settings.rank * shape.cost for shape in shapes.values())
        ranks = allocate_ranks(shapes, budget, self._settings.rank_floor, self._settings.rank_ceiling)
        return [
            {"module": name, "rank": rank, "alpha": rank * self._settings.alpha_per_rank}
            for name, rank in ranks.items()
            if rank > 0
        ]
