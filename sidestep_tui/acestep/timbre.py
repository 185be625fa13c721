"""The timbre token: the one correction that diffusers' timbre encoder needs for XL, and what zeros give for one.

The XL original puts the learned `special_token` in front of the timbre sequence after `embed_tokens` and pools that
row; diffusers 0.42 pools the first frame instead. The 2B originals do pool the first frame: they must not get this.
"""

from typing import TYPE_CHECKING, Final

import torch
from torch import nn

if TYPE_CHECKING:
    from diffusers.pipelines.ace_step import AceStepConditionEncoder
    from diffusers.pipelines.ace_step.modeling_ace_step import AceStepTimbreEncoder


_SAME_TOKEN: Final = 0.05


def prepend_special_token(encoder: "AceStepTimbreEncoder") -> None:
    """Makes `encoder` read `special_token` before the frames of its reference [N, frames, 64].

    Everything after `embed_tokens` (positions, window, pooling of row 0) follows from the longer sequence, so a hook
    on that one layer is enough, and AceStepPipeline uses the corrected module like any other.
    """

    def with_token(_layer: nn.Module, _inputs: tuple[torch.Tensor, ...], embedded: torch.Tensor) -> torch.Tensor:
        token = encoder.special_token.to(embedded).expand(len(embedded), -1, -1)
        return torch.cat([token, embedded], dim=1)

    encoder.embed_tokens.register_forward_hook(with_token)


@torch.no_grad()
def timbre_of_zeros(encoder: "AceStepConditionEncoder", timbre_frames: int) -> torch.Tensor:
    """The timbre tokens [2, D] of a reference of zeros, one frame and `timbre_frames` long, float32 on the CPU.

    Other trainers encode one or the other, where inference has the silence latent. (XL's special token attends to the
    frames, so there the two differ.)
    """
    weight = encoder.text_projector.weight
    order = torch.zeros(1, dtype=torch.long, device=weight.device)
    references = [torch.zeros(1, frames, 64, dtype=weight.dtype, device=weight.device) for frames in (1, timbre_frames)]
    return torch.cat([encoder.timbre_encoder(zeros, order)[0][0] for zeros in references]).float().cpu()


def holds_token(condition: torch.Tensor, tokens: torch.Tensor) -> bool:
    """Whether a condition sequence [L, D] holds one of `tokens` [N, D], but for the rounding of half precision."""
    near = torch.cdist(condition.float(), tokens) < _SAME_TOKEN * tokens.norm(dim=1)
    return bool(near.any())
