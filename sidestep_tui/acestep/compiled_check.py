"""Whether compiled blocks compute what they compute uncompiled: tried once, before a run relies on them.

A compiler rewrites what it recognises, and can do it wrongly: torch 2.11 and 2.13 forget `alpha` where a product is
added to something. A run would then learn something else without a word.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn

from sidestep_tui.acestep.fast import fast_block
from sidestep_tui.acestep.model_config import LATENT_CHANNELS
from sidestep_tui.acestep.precisions import mixed_precision
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.told import told

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel
    from diffusers.models.transformers.ace_step_transformer import AceStepTransformerBlock

Met = dict[str, tuple["AceStepTransformerBlock", tuple[Any, ...]]]

_SIGNATURE: Final = signature(fast_block)
_CONDITION_TOKENS: Final = 80
_SPREAD: Final = 0.02
"""Of what is added to trained weights meanwhile: an adapter begins with zeros, with which much may be wrong unseen."""


def kind_of(block: "AceStepTransformerBlock") -> str:
    """What one block compiles alike with others, in words."""
    return told("full attention") if block.self_attn.sliding_window is None else told("windowed attention")


def deviation(transformer: "AceStepTransformer1DModel", compiled: Callable[..., Tensor]) -> float:
    """How far compiled blocks are off: of what they add to their input, or of a gradient's norm, of the largest.

    NaN where a number is none.

    Args:
        transformer: with its adapter on, in the mode of training.
        compiled: takes a block and what it is given.
    """
    with mixed_precision(transformer):
        met = _met_by_each_kind(transformer)
        found = [_deviation(block, arguments, compiled) for block, arguments in met.values()]
    return float(torch.tensor(found).max())


def _met_by_each_kind(transformer: "AceStepTransformer1DModel") -> Met:
    """By kind: a block and what it is given while the model reads a made-up song of several windows.

    It is the last of those with most of the adapter: one that carries none would say nothing about it.
    """
    met = Met()

    def watch(block: "AceStepTransformerBlock", *arguments: Any, **named: Any) -> Tensor:
        _, *given = _SIGNATURE.bind(block, *arguments, **named).args
        kind = kind_of(block)
        if kind not in met or len(_trained(block)) >= len(_trained(met[kind][0])):
            met[kind] = block, tuple(given)
        return fast_block(block, *given)

    before = [layer.forward for layer in transformer.layers]
    windows = [layer.self_attn.sliding_window or 0 for layer in transformer.layers]
    frames = transformer.patch_size * (3 * max(windows) + 7)
    sizes = {"x_t": (frames, LATENT_CHANNELS), "context": (frames, 2 * LATENT_CHANNELS)}
    sizes["condition"] = (_CONDITION_TOKENS, transformer.condition_embedder.in_features)
    draw = torch.Generator().manual_seed(0)
    song = {name: torch.randn(1, *size, generator=draw) for name, size in sizes.items()}
    try:
        for layer in transformer.layers:
            layer.forward = partial(watch, layer)
        with torch.no_grad():
            velocity(transformer, t=torch.full((1,), 0.5), **song)
    finally:
        for layer, forward in zip(transformer.layers, before, strict=True):
            layer.forward = forward
    return met


def _deviation(block: "AceStepTransformerBlock", arguments: tuple[Any, ...], compiled: Callable[..., Tensor]) -> float:
    with _moved(_trained(block)) as trained:
        added, gradients = _outcome(fast_block, block, arguments, trained)
        others = _outcome(compiled, block, arguments, trained)
    off = (others[0] - added).norm() / added.norm()
    return float(torch.maximum(off, (others[1] - gradients).abs().max() / gradients.max()))


def _trained(block: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in block.parameters() if parameter.requires_grad]


def _outcome(
    function: Callable[..., Tensor], block: nn.Module, arguments: tuple[Any, ...], trained: list[nn.Parameter]
) -> tuple[Tensor, Tensor]:
    """What a block adds to its input, and the norms of the gradients of its input and of its trained weights."""
    torch.manual_seed(0)  # of dropout
    hidden = arguments[0].detach().requires_grad_()
    result = function(block, hidden, *arguments[1:])
    towards = torch.randn(result.shape, generator=torch.Generator().manual_seed(1)).to(result)
    gradients = torch.autograd.grad(result, [hidden, *trained], towards, materialize_grads=True)
    return (result - hidden).detach().float(), torch.stack([gradient.float().norm() for gradient in gradients])


@contextmanager
def _moved(parameters: list[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """Other weights inside; those that were there and the state of chance come back."""
    kept = [parameter.detach().clone() for parameter in parameters]
    cards = [parameter.device for parameter in parameters if parameter.is_cuda][:1]
    with torch.random.fork_rng(devices=cards):
        torch.manual_seed(0)
        with torch.no_grad():
            for parameter in parameters:
                parameter.add_(_SPREAD * torch.randn_like(parameter))
        try:
            yield parameters
        finally:
            with torch.no_grad():
                for parameter, value in zip(parameters, kept, strict=True):
                    parameter.copy_(value)
