"""One song: from a prompt to latents through diffusers' own pipeline, and from latents to sound."""

from math import ceil
from typing import Any

import torch
from diffusers import AceStepPipeline
from torch import Tensor

from sidestep_tui.acestep.model_config import LATENT_CHANNELS, LATENT_RATE
from sidestep_tui.acestep.vae import Progress, decode_latents
from sidestep_tui.config.generate import GenerateSettings
from sidestep_tui.config.variants import Sampling
from sidestep_tui.dataset.song import INSTRUMENTAL
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.generate.source import sample_from_source
from sidestep_tui.engine.tensor_files import write_tensors
from sidestep_tui.errors import SidestepError

_PEAK = 10 ** (-1 / 20)
"""-1 dBFS, the level that ACE-Step and its pipeline normalise to."""


def sample_latents(
    pipeline: AceStepPipeline,
    settings: GenerateSettings,
    sampling: Sampling,
    progress: Progress = lambda _done, _total: None,
    source: Tensor | None = None,
) -> Tensor:
    """The song's latents [T, 64].

    Args:
        pipeline: as `build_pipeline` and `place_pipeline` give it.
        settings: of the song.
        sampling: as `choose_sampling` gives it.
        progress: called with (steps done, steps in all) after each; what it raises ends the sampling.
        source: the latents [T, 64] of what is covered or repainted, whose length the song has.

    Raises:
        SidestepError: they are not numbers.
    """
    frames = ceil(settings.duration * LATENT_RATE) if source is None else len(source)
    noise = _seeded_noise(settings.seed, frames)
    arguments = prompt_arguments(settings) | _sampling_arguments(sampling)

    def on_step(done: int) -> None:
        progress(done, sampling.steps)

    def after_step(_pipeline: AceStepPipeline, step: int, *_: object) -> dict[str, Any]:
        on_step(step + 1)
        return {}

    latents: Tensor
    if source is not None:
        latents = sample_from_source(pipeline, arguments, noise, settings, source, on_step)
    else:
        latents = pipeline(**arguments, latents=noise, output_type="latent", callback_on_step_end=after_step).audios[0]
    if not torch.isfinite(latents).all():
        raise _not_numbers(settings)
    return latents


def _seeded_noise(seed: int, frames: int) -> Tensor:
    """Noise [1, T, 64], drawn in float32 on the CPU: a seed means the same on every device and precision."""
    return torch.randn((1, frames, LATENT_CHANNELS), generator=torch.Generator().manual_seed(seed))


def _sampling_arguments(sampling: Sampling) -> dict[str, Any]:
    arguments: dict[str, Any] = {"num_inference_steps": sampling.steps, "shift": sampling.shift}
    return arguments if sampling.guidance_scale is None else {**arguments, "guidance_scale": sampling.guidance_scale}


def _not_numbers(settings: GenerateSettings) -> SidestepError:
    return SidestepError(
        "The model gave values that are not numbers.",
        where=", ".join(str(one.path) for one in settings.all_adapters()) or settings.model.checkpoint,
        fix="try without the adapter, with a smaller --adapter_scale, or with --model.precision float32",
    )


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


def decode_song(
    pipeline: AceStepPipeline,
    latents: Tensor,
    device: torch.device,
    progress: Progress = lambda _done, _total: None,
) -> Tensor:
    """The waveform [2, samples] of latents, decoded in tiles and brought to ACE-Step's own level.

    `progress` is called with (frames done, frames in all) after every tile; what it raises ends the decoding.

    Raises:
        SidestepError: it holds what is no number, as half precision gives where latents are far from any music.
    """
    pipeline.maybe_free_model_hooks()  # where the parts take turns, the DiT's turn is over
    waveform = decode_latents(pipeline.vae.to(device), latents, progress=progress)
    if not torch.isfinite(waveform).all():  # encoders of audio do not survive it
        raise SidestepError(
            "The decoded song holds values that are not numbers.",
            fix="try without the adapter, with a smaller --adapter_scale, or with --model.precision float32",
        )
    level: Tensor = waveform * (_PEAK / waveform.abs().max().clamp(min=1e-6))
    return level


def keep_latents(context: JobContext, name: str, latents: Tensor) -> str:
    """Keeps a song's latents in the run for the report's search for copies; the path within the run."""
    file = f"latents/{name}.safetensors"
    write_tensors(context.run.path / file, {"latents": latents.half()})
    return file
