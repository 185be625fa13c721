"""The estimate run: which modules of the DiT this data set moves, in one pass, streamed as it becomes known."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch

from sidestep_tui.acestep.attention import use_banded_attention
from sidestep_tui.acestep.full_memory import told_as_full
from sidestep_tui.acestep.keymap import to_diffusers, to_original
from sidestep_tui.acestep.model_config import LATENT_RATE
from sidestep_tui.acestep.precisions import mixed_precision
from sidestep_tui.config.jobs import EstimateSettings
from sidestep_tui.engine.adapters.targets import all_targets
from sidestep_tui.engine.context import JobContext, Results, StopRequestedError
from sidestep_tui.engine.data.batches import Batch, Drawing, collate, draw_sample
from sidestep_tui.engine.data.manifest import Manifest, SongEntry, read_manifest
from sidestep_tui.engine.data.store import EncodedSong, HeldSong
from sidestep_tui.engine.data.tensors import read_all, read_shared
from sidestep_tui.engine.devices import choose_device, choose_dtype, free_memory
from sidestep_tui.engine.estimate.draws import Draw, draws, songs_to_measure
from sidestep_tui.engine.estimate.probe import probed
from sidestep_tui.engine.estimate.ranking import Progressed, Ranking, load_progress, save_progress
from sidestep_tui.engine.estimate.sensitivity import band_weights
from sidestep_tui.engine.kernels import trust_kernel
from sidestep_tui.engine.memory.recompute import use_checkpointing
from sidestep_tui.engine.opening import check_same_model, open_model
from sidestep_tui.engine.training.objective import sample_losses
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import check_place
from sidestep_tui.runs.events import BANDS, SensitivityUpdated
from sidestep_tui.runs.sensitivity_file import USUAL_NAME, write_sensitivity

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel

_SMALLEST_CROP_SECONDS: Final = 2.0
_SAVE_EVERY_DRAWS: Final = 8


def run(context: JobContext, settings: EstimateSettings) -> Results:
    """Measures, streams the ranking after every batch, and writes it with the ranks that it proposes.

    Raises:
        StopRequestedError: asked to end; what is known so far was written, and the run can be resumed.
        SidestepError: no songs, another model's songs, none of them gives a finite gradient, or the ranking cannot be
            written.
    """
    check_place(_place(settings))
    manifest = read_manifest(settings.tensors)
    songs = songs_to_measure(manifest, settings)
    checkpoint = open_model(settings.model)
    check_same_model(manifest, checkpoint)
    context.phase("loading the model", subject=checkpoint.path.name)
    device = choose_device(settings)
    transformer = checkpoint.load_transformer(device, choose_dtype(settings.model, device))
    use_banded_attention(transformer)
    trust_kernel(context, device)
    use_checkpointing(transformer, "all")
    ranking = Ranking(band_weights(checkpoint.config.timestep_mu, checkpoint.config.timestep_sigma))
    estimate = Estimate(context, settings, manifest, songs, ranking, transformer)
    modules = [to_diffusers(name) for name in all_targets(checkpoint.config)]
    context.phase("measuring", f"{len(modules)} modules")
    with probed(transformer, modules, lambda name, *factors: ranking.observe(to_original(name), *factors)):
        estimate.measure()
    return estimate.finish()


def _place(settings: EstimateSettings) -> Path:
    """Where the ranking goes: beside the tensors unless told otherwise."""
    return settings.output or settings.tensors / USUAL_NAME


class Estimate:
    """An estimate under way."""

    def __init__(
        self,
        context: JobContext,
        settings: EstimateSettings,
        manifest: Manifest,
        songs: tuple[SongEntry, ...],
        ranking: Ranking,
        transformer: "AceStepTransformer1DModel",
    ) -> None:
        self._context = context
        self._settings = settings
        self._output = _place(settings)
        self._manifest = manifest
        self._songs = songs
        self._ranking = ranking
        self._transformer = transformer
        self._shared = read_shared(settings.tensors)
        self._crop = settings.crop_seconds
        self._state_file = context.run.path / "estimate.pt"
        progressed = load_progress(self._state_file, ranking, manifest.fingerprint, self._weight.device)
        self._draws_done, self._measured = progressed.draws, progressed.measured
        self._left_out = set(progressed.left_out)

    @property
    def _weight(self) -> torch.Tensor:
        weight: torch.Tensor = self._transformer.proj_in_conv.weight
        return weight

    def measure(self) -> None:
        """One forward and backward pass for every draw, until the order of the strongest modules is stable.

        Raises:
            StopRequestedError: asked to end; everything is saved.
        """
        for draw in draws(self._songs, self._draws_done, self._settings.batches):
            if draw.song.key in self._left_out:
                continue
            try:
                self._context.stop_if_requested(self._measured)
            except StopRequestedError:
                self._save()
                if self._measured:
                    self._write()
                raise
            self._take(draw)
            self._draws_done = draw.number + 1
            if self._draws_done % _SAVE_EVERY_DRAWS == 0:
                self._save()
            if self._is_settled():
                self._context.phase("measured", "the order of the strongest modules is stable")
                return

    def finish(self) -> Results:
        """Writes the ranking and the proposal.

        Raises:
            SidestepError: nothing was measured.
        """
        if not self._measured:
            raise SidestepError(
                "No song gave a finite gradient.", where=self._settings.tensors, fix="preprocess the songs again"
            )
        self._write()
        places = self._ranking.places()
        return {
            "ranking": str(self._output),
            "modules": len(places),
            "batches": self._measured,
            "songs_left_out": len(self._left_out),
            "most_sensitive": places[0].module,
        }

    def _take(self, draw: Draw) -> None:
        """One draw. A song that cannot be read, or gives no finite gradient, is named and left out from now on."""
        try:
            song = HeldSong(draw.song, read_all(self._settings.tensors, draw.song))
        except SidestepError as error:
            self._leave_out(draw.song, error.what)
            return
        if not self._pass_through(draw, song) or not self._ranking.take(draw.band):
            self._leave_out(draw.song, "The song's loss or gradient is not a number.")
            return
        self._measured += 1
        self._stream()

    def _leave_out(self, song: SongEntry, why: str) -> None:
        self._left_out.add(song.key)
        self._context.warn(f"{why} It is left out.", song.key, "preprocess it again")

    def _pass_through(self, draw: Draw, song: EncodedSong) -> bool:
        """Forward and backward; where the memory does not suffice, with ever shorter windows."""
        while True:
            try:
                with told_as_full():
                    return self._backward(self._batch(draw, song))
            except torch.OutOfMemoryError as error:
                self._ranking.forget()
                self._shorten(draw.song, error)
            free_memory()  # only here are the activations that the error's frames held let go

    def _backward(self, batch: Batch) -> bool:
        """A forward and a backward pass under the probe; False where the loss is not finite."""
        batch = batch.to(self._weight.device)
        # The inputs ask for gradients, so that the backward pass goes through the whole frozen model.
        batch.x0.requires_grad_()
        batch.condition.requires_grad_()
        with mixed_precision(self._transformer):
            loss = sample_losses(self._transformer, batch).sum()
        if not torch.isfinite(loss):
            return False
        loss.backward()  # type: ignore[no-untyped-call]
        return True

    def _shorten(self, song: SongEntry, error: torch.OutOfMemoryError) -> None:
        seconds = min(self._crop or song.duration, song.duration) / 2
        if seconds < _SMALLEST_CROP_SECONDS:
            raise SidestepError(
                f"The device's memory does not suffice for {2 * seconds:.0f} s of song.",
                where="model.device",
                fix="free memory on the device, or choose the CPU: --device cpu",
            ) from error
        self._crop = seconds
        self._context.warn(f"The device's memory is full; windows of {seconds:.0f} s are measured from now on.")

    def _batch(self, draw: Draw, song: EncodedSong) -> Batch:
        crop = None if self._crop is None else round(self._crop * LATENT_RATE)
        drawing = Drawing(self._settings.seed, draw.objective, 0.0, 1.0, crop, fresh_latents=True)
        null = self._shared["null_condition"]
        return collate([draw_sample(drawing, draw.number, draw.song.key, song, null)], self._shared)

    def _is_settled(self) -> bool:
        """Stable, after every song and every band were seen."""
        top = self._settings.stable_top
        if not top:
            return False
        stable = self._ranking.is_stable(top)
        return stable and self._draws_done >= max(len(self._songs), len(BANDS))

    def _stream(self) -> None:
        total = self._settings.batches
        by_layer = self._settings.granularity == "layer"
        places = self._ranking.layers() if by_layer else self._ranking.places()
        self._context.emit(SensitivityUpdated(batches_done=self._measured, batches_total=total, modules=tuple(places)))
        self._context.progress(self._measured, total, "batches", failed=len(self._left_out))

    def _save(self) -> None:
        progressed = Progressed(self._draws_done, self._measured, frozenset(self._left_out))
        save_progress(self._state_file, self._ranking, progressed, self._manifest.fingerprint)

    def _write(self) -> None:
        write_sensitivity(
            self._output,
            {
                "model": self._manifest.model,
                "data": self._manifest.fingerprint,
                "batches": self._measured,
                "band_weights": dict(zip(BANDS, self._ranking.weights, strict=True)),
                "ranking": self._ranking.entries(by_layer=self._settings.granularity == "layer"),
                "proposal": self._ranking.proposal(self._transformer, self._settings),
            },
        )
