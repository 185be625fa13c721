"""A song made from another one: a cover follows its source for a share of the steps, a repaint keeps all but a part.

Both are diffusers' pipeline with what ACE-Step's own sampling does differently: the switch of a cover in mid-way, and
the kept frames of a repaint.
"""

from collections.abc import Callable
from typing import Any

import torch
from diffusers import AceStepPipeline
from torch import Tensor

from sidestep_tui.acestep.model_config import LATENT_RATE
from sidestep_tui.acestep.vae import encode_audio
from sidestep_tui.config.generate import GenerateSettings
from sidestep_tui.dataset.audio import read_audio
from sidestep_tui.errors import SidestepError, UsageError

_LONGEST_SECONDS = 600.0
_SHORTEST_SECONDS = 1.0

Arguments = dict[str, Any]
OnStep = Callable[[int], None]
"""Called with the number of steps done."""


def encode_source(
    pipeline: AceStepPipeline, settings: GenerateSettings, device: torch.device, progress: Callable[[int, int], None]
) -> Tensor:
    """The latents [T, 64] of the song that is covered or repainted, float32 on the CPU.

    Raises:
        UsageError: the part to repaint lies beyond its end.
        SidestepError: the source cannot be decoded or is shorter than a second.
    """
    assert settings.source is not None  # by the settings' own rule
    waveform = read_audio(settings.source, max_seconds=_LONGEST_SECONDS)
    mean, _ = encode_audio(pipeline.vae.to(device), torch.from_numpy(waveform), progress=progress)
    pipeline.vae.to("cpu")
    seconds = len(mean) / LATENT_RATE
    if seconds < _SHORTEST_SECONDS:
        raise SidestepError("The source is shorter than a second.", where=settings.source, fix="give a longer song")
    if settings.task == "repaint" and settings.repaint_start >= seconds:
        raise UsageError(
            f"The part to repaint begins at {settings.repaint_start:g} s, the source ends at {seconds:g} s.",
            where="repaint_start",
            fix="let it begin before the end of the source",
        )
    return mean


def sample_from_source(
    pipeline: AceStepPipeline,
    arguments: Arguments,
    noise: Tensor,
    settings: GenerateSettings,
    source: Tensor,
    on_step: OnStep,
) -> Tensor:
    """The new song's latents [T, 64].

    Args:
        pipeline: a `SourcePipeline`.
        arguments: of the pipeline, without its task, noise and callback.
        noise: [1, T, 64], T as the source's.
        settings: which task, and its own settings.
        source: the latents of the other song [T, 64].
        on_step: called after every step.
    """
    arguments = {**arguments, "audio_duration": len(source) / LATENT_RATE, "output_type": "latent"}
    latents = source[None]
    if settings.task == "repaint":
        return _repaint(pipeline, {**arguments, "src_audio": latents}, noise, settings, latents, on_step)
    return _cover(pipeline, arguments, noise, settings, latents, on_step)


def repainted_frames(settings: GenerateSettings, frames: int) -> slice:
    """The frames that are made anew, at least one, as AceStepPipeline reckons them."""
    first = min(int(settings.repaint_start * LATENT_RATE), frames - 1)
    end = frames if settings.repaint_end is None else int(settings.repaint_end * LATENT_RATE)
    return slice(first, max(first + 1, min(end, frames)))


def _repaint(
    pipeline: AceStepPipeline,
    arguments: Arguments,
    noise: Tensor,
    settings: GenerateSettings,
    source: Tensor,
    on_step: OnStep,
) -> Tensor:
    """After every step the kept frames are those of the source at that noise level (RePaint, arXiv:2201.09865).

    diffusers only shows the model the source and lets it redraw all frames; ACE-Step puts the kept ones back.
    """
    kept = torch.ones(source.shape[1], dtype=torch.bool)
    kept[repainted_frames(settings, source.shape[1])] = False

    def after_step(pipe: AceStepPipeline, step: int, _timestep: float, tensors: Arguments) -> Arguments:
        on_step(step + 1)
        now: Tensor = tensors["latents"].clone()
        t = float(pipe.scheduler.sigmas[step + 1])
        now[:, kept] = (t * noise + (1 - t) * source)[:, kept].to(now)
        return {"latents": now}

    made: Tensor = pipeline(
        **arguments,
        task_type="repaint",
        repainting_start=settings.repaint_start,
        repainting_end=settings.repaint_end,
        latents=noise,
        callback_on_step_end=after_step,
    ).audios[0]
    made[kept] = source[0, kept].to(made)
    return made


def _cover(
    pipeline: AceStepPipeline,
    arguments: Arguments,
    noise: Tensor,
    settings: GenerateSettings,
    source: Tensor,
    on_step: OnStep,
) -> Tensor:
    """`cover_strength` of the steps follow the source's tokens, the others the prompt alone, as ACE-Step has it.

    diffusers mixes both velocities in every step, and keeps the source in the context of both. With a guided model the
    momentum of the guidance begins anew at the switch.
    """
    steps = int(arguments["num_inference_steps"])
    following = int(steps * settings.cover_strength)

    def after_step(pipe: AceStepPipeline, step: int, _timestep: float, _tensors: Arguments) -> Arguments:
        on_step(step + 1)
        pipe._interrupt = step + 1 == following
        return {}

    def after_late_step(_pipe: AceStepPipeline, step: int, _timestep: float, _tensors: Arguments) -> Arguments:
        on_step(following + step + 1)
        return {}

    latents: Tensor = noise
    rest: Arguments = {}
    if following:
        latents = pipeline(
            **arguments, task_type="cover", src_audio=source, latents=noise, callback_on_step_end=after_step
        ).audios
        rest = {"timesteps": pipeline.scheduler.sigmas[following:-1].tolist()}
    if following < steps:
        latents = pipeline(**arguments, **rest, latents=latents, callback_on_step_end=after_late_step).audios
    return latents[0]
