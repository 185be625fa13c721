"""The job `generate`: songs from prompts, with or without adapters, through diffusers' own pipeline."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import AceStepPipeline
from torch import Tensor

from sidestep_tui.acestep.model_config import SAMPLE_RATE, Variant
from sidestep_tui.config.generate import GenerateSettings
from sidestep_tui.config.variants import Sampling
from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.engine.context import JobContext, Results
from sidestep_tui.engine.devices import choose_device, choose_dtype
from sidestep_tui.engine.generate.adapter import apply_adapters
from sidestep_tui.engine.generate.pipeline import build_pipeline, choose_sampling, place_pipeline
from sidestep_tui.engine.generate.prompts import PlannedSong, plan_songs
from sidestep_tui.engine.generate.song import decode_song, keep_latents, sample_latents
from sidestep_tui.engine.generate.source import encode_source
from sidestep_tui.engine.kernels import trust_kernel
from sidestep_tui.engine.opening import open_model
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.events import SampleWritten
from sidestep_tui.runs.log import read_events


@dataclass(slots=True)
class _Studio:
    """What all songs of a job share, and what became of them."""

    context: JobContext
    pipeline: AceStepPipeline
    device: torch.device
    sampling: Sampling
    source: Tensor | None
    shared: GenerateSettings
    planned: int
    seconds: float = 0.0
    made: int = 0
    failed: list[SidestepError] = field(default_factory=list)


def run(context: JobContext, settings: GenerateSettings) -> Results:
    """Makes one song, or all songs of a file, and writes them. What was written before a stop is not made again.

    Raises:
        UsageError: the output's ending is no format that can be written, it is the source, or the file of prompts is
            not valid.
        SidestepError: the model or an adapter cannot be used, or the song, or none of many, could be made.
        StopRequestedError: on request, between two steps; the songs that are ready stay.
    """
    songs = plan_songs(settings)
    context.phase("loading the model")
    checkpoint = open_model(settings.model)
    device = choose_device(settings)
    pipeline = build_pipeline(checkpoint, choose_dtype(settings.model, device), settings.task)
    apply_adapters(pipeline.transformer, settings.all_adapters())
    trust_kernel(context, device)
    source = _source(context, pipeline, settings, device)
    place_pipeline(pipeline, device)
    sampling = choose_sampling(settings, checkpoint.variant)
    if checkpoint.variant is Variant.TURBO and (settings.guidance_scale or 1.0) != 1.0:
        context.warn_once("Turbo models are not guided; the guidance scale is ignored.", "guidance_scale")

    studio = _Studio(context, pipeline, device, sampling, source, settings, len(songs))
    ready = _written_before(context) if settings.prompts is not None else set()
    for place, song in enumerate(songs):
        if str(song.settings.output) not in ready:
            _try_song(studio, song, place)
    if studio.failed and not studio.made and not ready:
        raise studio.failed[0]
    return _results(studio, settings)


def _source(
    context: JobContext, pipeline: AceStepPipeline, settings: GenerateSettings, device: torch.device
) -> Tensor | None:
    if settings.task == "text2music":
        return None
    context.phase("encoding the source", subject=str(settings.source))

    def progress(done: int, total: int) -> None:
        context.progress(done, total, "frames")
        context.stop_if_requested()

    return encode_source(pipeline, settings, device, progress)


def _results(studio: _Studio, settings: GenerateSettings) -> Results:
    many: Results = {} if settings.prompts is None else {"songs": studio.made, "failed": len(studio.failed)}
    return {
        "output": str(settings.output),
        **many,
        "seconds": round(studio.seconds, 2),
        "steps": studio.sampling.steps,
        "shift": studio.sampling.shift,
        "seed": settings.seed,
    }


def _try_song(studio: _Studio, song: PlannedSong, place: int) -> None:
    """Makes one song. One of many that cannot be made is told and left out."""
    try:
        _make_song(studio, song, place)
    except (SidestepError, torch.OutOfMemoryError) as failure:
        memory = "The device's memory does not suffice for this song."
        told = failure if isinstance(failure, SidestepError) else SidestepError(memory, fix="make it shorter")
        if studio.planned == 1:
            raise told from failure
        studio.failed.append(told)
        studio.context.warn(f"{song.name}: {told.what}", told.where or "", told.fix or "")
        done, total = ((place + 1) * studio.sampling.steps, studio.planned * studio.sampling.steps)
        studio.context.progress(done, total, "steps", song.name, len(studio.failed))


def _make_song(studio: _Studio, song: PlannedSong, place: int) -> None:
    context, sampling, settings = studio.context, studio.sampling, song.settings
    several = studio.planned > 1
    title = song.name if several else ""
    steps = f"{sampling.steps} steps, shift {sampling.shift:g}"
    context.phase(
        "generating",
        f"song {place + 1} of {studio.planned}, {steps}" if several else steps,
        subject=title,
    )

    def after_step(step: int, total: int) -> None:
        context.progress(place * total + step, studio.planned * total, "steps", title, len(studio.failed))
        context.stop_if_requested()

    def after_tile(frames: int, total: int) -> None:
        if not several:
            context.progress(frames, total, "frames")
        context.stop_if_requested()

    latents = sample_latents(studio.pipeline, settings, sampling, after_step, studio.source)
    context.phase("decoding", subject=title)
    waveform = decode_song(studio.pipeline, latents, studio.device, after_tile)
    write_audio(settings.output, waveform.numpy(), SAMPLE_RATE)
    context.emit(
        SampleWritten(
            path=str(settings.output),
            prompt=settings.prompt,
            seed=settings.seed,
            adapter_scale=next((one.scale for one in settings.all_adapters()), None),
            latents=keep_latents(context, settings.output.stem, latents),
            settings=song.facts_beyond(studio.shared),
        )
    )
    studio.made += 1
    studio.seconds += waveform.shape[1] / SAMPLE_RATE


def _written_before(context: JobContext) -> set[str]:
    """The songs that this run wrote before it was stopped, as far as they are still there."""
    written = (event.path for event in read_events(context.run.events_file) if isinstance(event, SampleWritten))
    return {path for path in written if Path(path).is_file()}
