"""The one door to the DiT's forward, for training, estimates and generation."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from diffusers.models.embeddings import get_1d_rotary_pos_embed

from sidestep_tui.acestep.attention import BandedAttention

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel
    from diffusers.models.transformers.ace_step_transformer import AceStepTransformerBlock


def velocity(
    transformer: "AceStepTransformer1DModel",
    x_t: torch.Tensor,
    t: torch.Tensor,
    condition: torch.Tensor,
    context: torch.Tensor,
    lengths: torch.Tensor | None = None,
    condition_lengths: torch.Tensor | None = None,
) -> torch.Tensor:
    """The velocity that the DiT predicts, [B, T, 64] in the model's dtype.

    Inputs of any dtype and device enter in the model's own, the timestep included, as at inference.

    Args:
        transformer: as loaded, bare or with adapters injected, with either attention.
        x_t: noisy latents [B, T, 64].
        t: timesteps [B].
        condition: [B, L, D].
        context: [B, T, 128].
        lengths: valid latent frames of each sample, int [B]; None when all T are valid. The prediction beyond them
            is meaningless, the one before them equals that of the sample alone.
        condition_lengths: valid condition tokens of each sample, int [B]; None when all L are valid.
    """
    weight = transformer.proj_in_conv.weight
    x_t, t, condition, context = (
        tensor.to(device=weight.device, dtype=weight.dtype) for tensor in (x_t, t, condition, context)
    )
    if lengths is None and condition_lengths is None:
        predicted: torch.Tensor = transformer(
            hidden_states=x_t,
            timestep=t,
            timestep_r=t,
            encoder_hidden_states=condition,
            context_latents=context,
            return_dict=False,
        )[0]
        return predicted
    return _padded_velocity(transformer, x_t, t, condition, context, lengths, condition_lengths)


def _padded_velocity(
    transformer: "AceStepTransformer1DModel",
    x_t: torch.Tensor,
    t: torch.Tensor,
    condition: torch.Tensor,
    context: torch.Tensor,
    lengths: torch.Tensor | None,
    condition_lengths: torch.Tensor | None,
) -> torch.Tensor:
    """The model's steps with validity masks, which diffusers' own forward cannot carry to its layers."""
    frames, patch = x_t.shape[1], transformer.patch_size
    latents = torch.cat([context, x_t], dim=-1)
    tokens_valid = None
    if lengths is not None:
        # A song alone is followed by zeros up to a whole patch; in a batch its padding must be zeros too.
        latents = latents * _valid(lengths, latents)[..., None]
        lengths = -(-lengths // patch)
    hidden = transformer.proj_in_conv(F.pad(latents, (0, 0, 0, -frames % patch)).mT).mT
    if lengths is not None:
        tokens_valid = _valid(lengths, hidden)
    condition = transformer.condition_embedder(condition)
    condition_valid = None if condition_lengths is None else _valid(condition_lengths, condition)

    embedding, modulation = transformer.time_embed(t)
    embedding_r, modulation_r = transformer.time_embed_r(t - t)
    embedding, modulation = embedding + embedding_r, modulation + modulation_r
    rotary = _rotary(transformer, hidden)
    for layer in transformer.layers:
        own, others = _masks(layer, hidden, tokens_valid, condition_valid)
        arguments = (hidden, rotary, modulation, own, condition, others)
        hidden = layer(*arguments)

    shift, scale = (transformer.scale_shift_table + embedding[:, None]).chunk(2, dim=1)
    normed = (transformer.norm_out(hidden) * (1 + scale) + shift).type_as(hidden)
    predicted: torch.Tensor = transformer.proj_out_conv(normed.mT).mT[:, :frames]
    return predicted


def _masks(
    layer: "AceStepTransformerBlock",
    hidden: torch.Tensor,
    valid: torch.Tensor | None,
    condition_valid: torch.Tensor | None,
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """What a layer's two attentions take: validity, [B, S] and [B, L], or the dense masks of diffusers' own processor.

    That one knows no window of itself. Queries that are not valid see what is not either: a row without keys is NaN.
    """
    if isinstance(layer.self_attn.processor, BandedAttention):
        return valid, condition_valid
    window, own = layer.self_attn.sliding_window, None
    if valid is not None:
        own = (valid[:, None, :] | ~valid[:, :, None])[:, None]
    if window is not None:
        positions = torch.arange(hidden.shape[1], device=hidden.device)
        band = (positions[:, None] - positions[None, :]).abs() <= window
        own = band[None, None] if own is None else own & band
    return own, None if condition_valid is None else condition_valid[:, None, None, :]


def _valid(lengths: torch.Tensor, sequence: torch.Tensor) -> torch.Tensor:
    """bool [B, S]: which positions of `sequence` [B, S, ...] lie before their sample's length."""
    positions = torch.arange(sequence.shape[1], device=sequence.device)
    return positions < lengths.to(sequence.device)[:, None]


def _rotary(transformer: "AceStepTransformer1DModel", hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    positions = torch.arange(hidden.shape[1], device=hidden.device, dtype=torch.float32)
    cos, sin = get_1d_rotary_pos_embed(
        transformer.head_dim, positions, theta=transformer.rope_theta, use_real=True, repeat_interleave_real=False
    )
    return cos.to(hidden.dtype), sin.to(hidden.dtype)
