"""The one correction that diffusers' timbre encoder needs for XL models.

The XL original puts the learned `special_token` in front of the timbre sequence after `embed_tokens` and pools that
row; diffusers 0.42 pools the first frame instead. The 2B originals do pool the first frame: they must not get this.
"""

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from diffusers.pipelines.ace_step.modeling_ace_step import AceStepTimbreEncoder


def prepend_special_token(encoder: "AceStepTimbreEncoder") -> None:
    """Makes `encoder` read `special_token` before the frames of its reference [N, frames, 64].

    Everything after `embed_tokens` (positions, window, pooling of row 0) follows from the longer sequence, so a hook
    on that one layer is enough, and AceStepPipeline uses the corrected module like any other.
    """

    def with_token(_layer: nn.Module, _inputs: tuple[torch.Tensor, ...], embedded: torch.Tensor) -> torch.Tensor:
        token = encoder.special_token.to(embedded).expand(len(embedded), -1, -1)
        return torch.cat([token, embedded], dim=1)

    encoder.embed_tokens.register_forward_hook(with_token)
