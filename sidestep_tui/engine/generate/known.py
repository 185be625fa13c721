"""The generation pipeline with conditions that are known already: its loop without its encoders."""

from typing import TYPE_CHECKING, Any

import torch
from diffusers import AceStepPipeline, FlowMatchEulerDiscreteScheduler
from torch import Tensor, nn

from sidestep_tui.engine.data.tensors import SharedTensors

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel


class KnownConditionPipeline(AceStepPipeline):  # type: ignore[misc]  # diffusers is untyped
    """diffusers' own schedule, guidance and denoising loop; what the song should be is not read from its prompt."""

    def encode_prompt(self, *_: Any, **__: Any) -> tuple[None, None, None, None]:
        """Nothing: the condition needs no text."""
        return None, None, None, None


class KnownCondition(nn.Module):
    """Stands where the condition encoder is, and answers with one song's condition."""

    silence_latent: Tensor
    null_condition_emb: Tensor

    def __init__(self, condition: Tensor, shared: SharedTensors) -> None:
        super().__init__()
        self.condition = condition[None]
        self.register_buffer("silence_latent", shared["silence_latent"][None], persistent=False)
        self.register_buffer("null_condition_emb", shared["null_condition"][None], persistent=False)

    @property
    def device(self) -> torch.device:
        """Where it is; pipelines ask any of their parts."""
        return self.silence_latent.device

    def forward(self, **_: Any) -> tuple[Tensor, None]:
        """The condition [1, L, D], and no mask: the DiT ignores it."""
        return self.condition, None


def known_pipeline(
    transformer: "AceStepTransformer1DModel", condition: Tensor | None, shared: SharedTensors
) -> KnownConditionPipeline:
    """A pipeline for one song [L, D] around a DiT that stays as it is, without a VAE: it gives latents."""
    weight = transformer.proj_in_conv.weight
    if condition is None:
        raise ValueError("the song's condition was not encoded")
    known = KnownCondition(condition.to(weight.device, weight.dtype), shared).to(weight.device, weight.dtype)
    pipeline = KnownConditionPipeline(
        vae=None,
        text_encoder=None,
        tokenizer=None,
        transformer=transformer,
        condition_encoder=known,
        scheduler=FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
