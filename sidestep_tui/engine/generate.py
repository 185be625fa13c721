"""The job `generate`: a song from a prompt, with or without an adapter, through diffusers' own pipeline."""

from math import ceil
from pathlib import Path
from typing import Any

import torch
from diffusers import AceStepPipeline
from torch import Tensor

from sidestep_tui.acestep.model_config import LATENT_CHANNELS, LATENT_RATE, SAMPLE_RATE, Variant
from sidestep_tui.acestep.vae import decode_latents
from sidestep_tui.config.jobs import GenerateSettings
from sidestep_tui.dataset.audio import WRITABLE_SUFFIXES, write_audio
from sidestep_tui.dataset.song import INSTRUMENTAL
from sidestep_tui.engine.context import JobContext, Results
from sidestep_tui.engine.devices import choose_device, choose_dtype
from sidestep_tui.engine.generate_adapter import apply_adapters
from sidestep_tui.engine.generate_pipeline import Sampling, build_pipeline, choose_sampling, place_pipeline
from sidestep_tui.engine.opening import open_model
from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.runs.events import SampleWritten

_PEAK = 10 ** (-1 / 20)
"""-1 dBFS, the level that ACE-Step and its pipeline normalise to."""


def run(context: JobContext, settings: GenerateSettings) -> Results:
    """Makes one song and writes it.

    Raises:
        UsageError: the output's ending is no format that can be written.
        SidestepError: the model or the adapter cannot be used, or what came out is not a number.
        StopRequestedError: on request, between two steps.
    """
    _check_format(settings.output)
    context.phase("loading the model")
    checkpoint = open_model(settings.model)
    device = choose_device(settings)
    pipeline = build_pipeline(checkpoint, choose_dtype(settings.model, device))
    apply_adapters(pipeline.transformer, settings.all_adapters())
    place_pipeline(pipeline, device)
    sampling = choose_sampling(settings, checkpoint.variant)
    if checkpoint.variant is Variant.TURBO and (settings.guidance_scale or 1.0) != 1.0:
        context.warn("Turbo models are not guided; the guidance scale is ignored.", "guidance_scale")

    context.phase("generating", f"{sampling.steps} steps, shift {sampling.shift:g}")
    latents = sample_latents(context, pipeline, settings, sampling)
    context.phase("decoding")
    waveform = decode_song(pipeline, latents, device, context)
    write_audio(settings.output, waveform.numpy(), SAMPLE_RATE)
    context.emit(
        SampleWritten(
            path=str(settings.output),
            prompt=settings.prompt,
            seed=settings.seed,
            adapter_scale=next((one.scale for one in settings.all_adapters()), None),
        )
    )
    return {
        "output": str(settings.output),
        "seconds": round(waveform.shape[1] / SAMPLE_RATE, 2),
        "steps": sampling.steps,
        "shift": sampling.shift,
        "seed": settings.seed,
    }


def sample_latents(
    context: JobContext, pipeline: AceStepPipeline, settings: GenerateSettings, sampling: Sampling
) -> Tensor:
    """The song's latents [T, 64].

    The noise is drawn in float32 on the CPU, so that a seed means the same noise on every device and precision.

    Raises:
        SidestepError: they are not numbers.
        StopRequestedError: on request.
    """
    frames = ceil(settings.duration * LATENT_RATE)
    generator = torch.Generator().manual_seed(settings.seed)
    noise = torch.randn((1, frames, LATENT_CHANNELS), generator=generator)

    def after_step(_pipeline: AceStepPipeline, step: int, _timestep: float, _tensors: dict[str, Any]) -> dict[str, Any]:
        context.progress(step + 1, sampling.steps, "steps")
        context.stop_if_requested()
        return {}

    guidance = {} if sampling.guidance_scale is None else {"guidance_scale": sampling.guidance_scale}
    latents: Tensor = pipeline(
        **prompt_arguments(settings),
        **guidance,
        num_inference_steps=sampling.steps,
        shift=sampling.shift,
        latents=noise,
        output_type="latent",
        callback_on_step_end=after_step,
    ).audios[0]
    if not torch.isfinite(latents).all():
        raise SidestepError(
            "The model gave values that are not numbers.",
            where=", ".join(str(one.path) for one in settings.all_adapters()) or settings.model.checkpoint,
            fix="try without the adapter, with a smaller --adapter_scale, or with --model.precision float32",
        )
    return latents


def prompt_arguments(settings: GenerateSettings) -> dict[str, Any]:
    """The pipeline's arguments that its two prompts are made from."""
    return {
        "prompt": settings.prompt,
        "lyrics": settings.lyrics if settings.lyrics.strip() else INSTRUMENTAL,
        "vocal_language": settings.language.strip() or "unknown",
        "audio_duration": settings.duration,
        "bpm": settings.bpm,
        "keyscale": settings.keyscale,
        "timesignature": settings.timesignature,
    }


def decode_song(pipeline: AceStepPipeline, latents: Tensor, device: torch.device, context: JobContext) -> Tensor:
    """The waveform [2, samples] of latents, decoded in tiles and brought to ACE-Step's own level."""
    pipeline.maybe_free_model_hooks()  # where the parts take turns, the DiT's turn is over
    vae = pipeline.vae.to(device)

    def progress(done: int, total: int) -> None:
        context.progress(done, total, "frames")
        context.stop_if_requested()

    waveform = decode_latents(vae, latents, progress=progress)
    level: Tensor = waveform * (_PEAK / waveform.abs().max().clamp(min=1e-6))
    return level


def _check_format(output: Path) -> None:
    if output.suffix.lower() not in WRITABLE_SUFFIXES:
        raise UsageError(
            f"No audio format is called {output.suffix or 'nothing'!r}.",
            where=output,
            fix=f"let the output end in one of {' '.join(sorted(WRITABLE_SUFFIXES))}",
        )
