"""diffusers' AceStepPipeline, put together from a checkpoint of either layout, and what each variant wants of it."""

from typing import Any, Final

import torch
from diffusers import AceStepPipeline, FlowMatchEulerDiscreteScheduler
from torch import Tensor

from sidestep_tui.acestep.attention import use_banded_attention
from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.acestep.model_config import Variant
from sidestep_tui.config.generate import GenerateSettings, Task
from sidestep_tui.config.variants import VARIANT_SAMPLING, Sampling

_HEADROOM: Final = 1.4
"""Free memory over the size of the weights below which they take turns on the card."""


def choose_sampling(settings: GenerateSettings, variant: Variant) -> Sampling:
    """The settings where they say something, else the variant's own values; turbo is never guided."""
    own = VARIANT_SAMPLING[variant.value]
    guided = variant is not Variant.TURBO and settings.guidance_scale is not None
    return Sampling(
        steps=settings.steps or own.steps,
        shift=settings.shift or own.shift,
        guidance_scale=settings.guidance_scale if guided else own.guidance_scale,
    )


class SourcePipeline(AceStepPipeline):  # type: ignore[misc]  # diffusers has no types
    """diffusers' pipeline with the latents of a source song in place of its audio.

    diffusers 0.42 draws from the posterior of the VAE without a seed and encodes a song in one piece; latents that the
    caller has encoded make the same song of the same seed, in bounded memory.
    """

    def prepare_src_latents(
        self, device: torch.device, dtype: torch.dtype, src_audio: Tensor | None = None, **others: Any
    ) -> tuple[Tensor, int]:
        """As diffusers has it, with `src_audio` the latents [1, T, 64] of the source; a cover reads their tokens."""
        if src_audio is None:
            prepared: tuple[Tensor, int] = super().prepare_src_latents(device=device, dtype=dtype, **others)
            return prepared
        latents = src_audio.to(device=device, dtype=dtype)
        frames = latents.shape[1]
        if others.get("task_type") == "cover":
            silence = self.condition_encoder.silence_latent.to(device=device, dtype=dtype)
            tokens, _ = self.audio_tokenizer.tokenize(latents, silence)
            latents = self.audio_token_detokenizer(tokens.to(dtype=dtype))[:, :frames].contiguous()
        return latents, frames


def build_pipeline(checkpoint: Checkpoint, dtype: torch.dtype, task: Task = "text2music") -> AceStepPipeline:
    """The pipeline for a task, its parts on the CPU until `place_pipeline`.

    XL's timbre correction is already in the condition encoder. The audio tokenizers are there for covers alone. The
    DiT's attention is the one that it trains with: a card has no kernel for diffusers' dense mask beside shared key
    heads but the one that keeps whole matrices of scores, which are 16 GiB for ten minutes of guided music.
    """
    cpu = torch.device("cpu")
    tokenizers = {}
    if task == "cover":
        tokenizers = {
            "audio_tokenizer": checkpoint.load_audio_tokenizer(cpu, dtype),
            "audio_token_detokenizer": checkpoint.load_audio_token_detokenizer(cpu, dtype),
        }
    pipeline = SourcePipeline(
        vae=checkpoint.load_vae(cpu, dtype),
        text_encoder=checkpoint.load_text_encoder(cpu, dtype),
        tokenizer=checkpoint.load_tokenizer(),
        transformer=checkpoint.load_transformer(cpu, dtype),
        condition_encoder=checkpoint.load_condition_encoder(cpu, dtype),
        scheduler=FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0),
        **tokenizers,
    )
    use_banded_attention(pipeline.transformer)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def place_pipeline(pipeline: AceStepPipeline, device: torch.device) -> None:
    """Puts all parts on the device; where a card has no room for all of them, they take turns."""
    if device.type != "cuda":
        pipeline.to(device)
        return
    parts = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    size = sum(weight.nbytes for part in parts for weight in part.parameters())
    if torch.cuda.mem_get_info(device)[0] < _HEADROOM * size:
        pipeline.enable_model_cpu_offload(device=device)
    else:
        pipeline.to(device)
