"""Models to measure on, with random weights, and the operations that a training step of them cannot avoid."""

from typing import Final

import torch
from diffusers import AceStepTransformer1DModel
from torch import nn

from sidestep_tui.config.dit_shape import SHAPE_2B, SHAPE_XL, DitShape

SHAPES: Final = {
    "small": DitShape(hidden=256, layers=8, heads=8, kv_heads=4, head_dim=32, mlp=768, condition=256),
    "medium": DitShape(hidden=512, layers=8, heads=8, kv_heads=4, head_dim=64, mlp=1536, condition=512),
    "2b": SHAPE_2B,
    "xl": SHAPE_XL,
}


def build_transformer(
    shape: DitShape, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> AceStepTransformer1DModel:
    """The DiT of a shape with random weights, frozen, made where it stays."""
    torch.manual_seed(0)
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            transformer = AceStepTransformer1DModel(
                hidden_size=shape.hidden,
                intermediate_size=shape.mlp,
                num_hidden_layers=shape.layers,
                num_attention_heads=shape.heads,
                num_key_value_heads=shape.kv_heads,
                head_dim=shape.head_dim,
                sliding_window=shape.window,
                encoder_hidden_size=shape.condition,
            )
    finally:
        torch.set_default_dtype(usual)
    return transformer.requires_grad_(False)


def lora_targets(transformer: AceStepTransformer1DModel) -> list[str]:
    """Every linear layer of every block."""
    return [
        name
        for name, module in transformer.named_modules()
        if isinstance(module, nn.Linear) and name.startswith("layers.")
    ]


def least_operations(shape: DitShape, tokens: int, condition_tokens: int, rank: int, recomputed: bool) -> float:
    """Floating point operations of a LoRA step: a multiplication and an addition count as two.

    A frozen linear layer works once forward and once for the gradient of its input, LoRA's A and B three times (there
    are gradients of the weights too), attention's two products twice more each for their four gradients; recomputation
    adds a second forward pass. Condition tokens take no gradient. Attention's own inner recomputation, norms and
    activations are not counted.
    """
    total = 0.0
    window = min(2 * shape.window + 1, tokens)
    for layer in range(shape.layers):
        for module in shape.modules():
            on_condition = module.name in ("cross_attn.k_proj", "cross_attn.v_proj")
            length = condition_tokens if on_condition else tokens
            forward = 2 * length * module.weight
            adapter = 2 * length * rank * (module.size_in + module.size_out)
            back = 0 if on_condition else forward
            total += forward * (1 + recomputed) + back + adapter * (3 + recomputed)
        for keys in (window if layer % 2 == 0 else tokens, condition_tokens):
            total += 4 * tokens * keys * shape.attention * (3 + recomputed)
    return total
