"""Songs that a training run generates of itself, so that people hear what the adapter has learned so far.

The DiT is the one in training, adapter and all; conditions were encoded before it was loaded. The VAE is loaded for
the decoding and freed again. Nothing of the run changes: noise comes from each sample's own seed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sidestep_tui.acestep.full_memory import told_as_full
from sidestep_tui.acestep.model_config import SAMPLE_RATE
from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.dataset.spectrogram import spectrogram_picture
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.devices import free_memory
from sidestep_tui.engine.generate.known import KnownConditionPipeline, known_pipeline
from sidestep_tui.engine.generate.pipeline import choose_sampling
from sidestep_tui.engine.generate.song import decode_song, keep_latents, sample_latents
from sidestep_tui.engine.modes import evaluating
from sidestep_tui.engine.training.optimizer import inference_weights
from sidestep_tui.engine.training.sample_songs import SampleSong, with_conditions
from sidestep_tui.engine.training.setup import Setup
from sidestep_tui.engine.training.step import sharded_out_of_memory
from sidestep_tui.errors import NoRoomError, SidestepError, UsageError
from sidestep_tui.files import write_bytes_atomic
from sidestep_tui.runs.events import SampleWritten
from sidestep_tui.told import told_many


@dataclass(frozen=True, slots=True)
class _Made:
    """A song whose latents [T, 64] are there, and the pipeline that made them."""

    song: SampleSong
    pipeline: KnownConditionPipeline
    latents: Tensor


class Sampler:
    """Generates the run's sample songs. The speaking rank does it for all, with the others where they share weights."""

    def __init__(self, context: JobContext, setup: Setup) -> None:
        self._context = context
        self._setup = setup
        self._songs = setup.samples
        self._sampled_at: int | None = None

    def write(self, step: int) -> None:
        """Writes the songs of this step; weights that were heard already are not sampled again.

        A song that cannot be made is told as a warning: the training goes on.

        Raises:
            UsageError: the run has no songs to sample.
            SidestepError: this rank's memory does not suffice, and the others wait for it inside a common pass.
        """
        setup, context = self._setup, self._context
        if not self._songs:
            raise UsageError(
                "There is no song to sample.", where="samples", fix="give samples.prompts or samples.songs"
            )
        if not setup.place.ranks.measures or step == self._sampled_at:
            return
        detail = told_many(
            "{count} song after step {step}", "{count} songs after step {step}", len(self._songs), step=step
        )
        with context.during("sampling", detail):
            if any(song.condition is None for song in self._songs):  # not announced: the card has no room any more
                self._songs = with_conditions(setup.checkpoint, self._songs, torch.device("cpu"), setup.place.dtype)
            self._make(step)
        self._sampled_at = step

    def make_up_for(self, step: int) -> None:
        """Writes the songs of a step that the run has saved, where a stop left one out."""
        if self._songs and not all(self._path(song, step).is_file() for song in self._songs):
            self.write(step)

    def _path(self, song: SampleSong, step: int) -> Path:
        return self._context.run.samples / f"step-{step:08d}" / song.name

    def _make(self, step: int) -> None:
        model, ranks = self._setup.model, self._setup.place.ranks
        made: list[_Made] = []
        try:
            with told_as_full():
                with inference_weights(model.optimizer, model.parameters), evaluating(model.transformer):
                    made = list(self._latents(step))
                if ranks.speaks:
                    self._decode(made, step)
        except torch.OutOfMemoryError as error:
            if ranks.sharded and not made:
                raise sharded_out_of_memory(ranks, str(error)) from error
            self._context.warn("The device has no room for samples.", "samples", "set a shorter samples.duration")
        except NoRoomError as error:
            self._context.warn(error.what, error.where or "", error.fix or "")
        finally:
            free_memory()

    def _latents(self, step: int) -> Iterator[_Made]:
        """Those of each song. A stop leaves out what `make_up_for` can make; the untrained model sings only once."""
        setup = self._setup
        for song in self._songs:
            if self._context.stop_reason is not None and step > 0 and not setup.place.ranks.sharded:
                return  # ranks that share weights run every pass together, whichever of them was asked to stop
            pipeline = known_pipeline(setup.model.transformer, song.condition, setup.songs.shared)
            sampling = choose_sampling(song.settings, setup.checkpoint.variant)
            try:
                yield _Made(song, pipeline, sample_latents(pipeline, song.settings, sampling))
            except SidestepError as error:
                self._context.warn(error.what, song.name)
            self._context.heartbeat()

    def _decode(self, made: list[_Made], step: int) -> None:
        place = self._setup.place
        vae = self._setup.checkpoint.load_vae(place.device, place.dtype)
        for one in made:
            one.pipeline.register_modules(vae=vae)
            try:
                waveform = decode_song(one.pipeline, one.latents, place.device).numpy()
            except SidestepError as error:
                self._context.warn(error.what, one.song.name)
                continue
            path = self._path(one.song, step)
            write_audio(path, waveform, SAMPLE_RATE)
            write_bytes_atomic(path.with_suffix(".png"), spectrogram_picture(waveform))
            self._context.emit(
                SampleWritten(
                    path=str(path.relative_to(self._context.run.path)),
                    prompt=one.song.settings.prompt,
                    seed=one.song.settings.seed,
                    step=step,
                    adapter_scale=1.0,
                    latents=keep_latents(self._context, f"{path.parent.name}-{path.stem}", one.latents),
                )
            )
