"""What smaller weights, streamed blocks and recomputation save on a card, what they cost, and whether the loss stays.

    python -m bench.savings --shape 2b xl

Random weights of deviation 0.02, as such models begin. The loss is that of sixteen fixed draws before training, against
weights in bfloat16; streaming and recomputation do not change it. Each row has the card for itself.
"""

import argparse
import gc
import sys
from dataclasses import replace
from functools import cache, partial
from typing import Final, NamedTuple

import torch
from diffusers import AceStepTransformer1DModel

from bench.common import alternate, describe_machine, print_measured, seconds_of
from bench.memory_estimate import GB
from bench.shapes import SHAPES, build_transformer
from bench.train_step import load_argument, make_batch, our_step
from sidestep_tui.acestep.attention import use_banded_attention
from sidestep_tui.acestep.flash import trust_flash
from sidestep_tui.acestep.precisions import mixed_precision
from sidestep_tui.acestep.quantised import quantise_blocks
from sidestep_tui.config.dit_shape import DitShape
from sidestep_tui.config.libraries import has_bitsandbytes
from sidestep_tui.config.train import Checkpointing, Quantised
from sidestep_tui.engine.training.objective import sample_losses

DRAWS = 16
DRAWN = (750, 257)


class Way(NamedTuple):
    """How a model is kept; `streamed` blocks are on the host, at most all of them."""

    policy: Checkpointing = "all"
    weights: Quantised | None = None
    streamed: int = 0


WAYS: Final = {
    "recomputed": Way(),
    "recomputed, offload": Way("offload"),
    "recomputed, int8": Way(weights="int8"),
    "recomputed, fp8": Way(weights="fp8"),
    "recomputed, nf4": Way(weights="nf4"),
    "recomputed, 4 blocks streamed": Way(streamed=4),
    "recomputed, all blocks streamed": Way(streamed=1000),
    "nothing recomputed": Way("none"),
    "nothing recomputed, int8": Way("none", "int8"),
    "half recomputed": Way("half"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", nargs="+", choices=SHAPES, default=["2b"])
    parser.add_argument("--load", type=load_argument, default=(3000, 768), metavar="TOKENS+CONDITION")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--layers", type=int, help="fewer than the shape has")
    options = parser.parse_args()
    device = torch.device("cuda", 0)
    if (problem := trust_flash(device)) is not None:
        print(f"without the flash kernel: {problem}\n")
    tokens = " + ".join(map(str, options.load))
    print(f"{describe_machine(device)}\n{tokens} tokens, LoRA rank 64 on everything, batch 1, bfloat16\n")
    rows = (
        ((name, words), partial(_figures, name, way, options))
        for name in options.shape
        for words, way in WAYS.items()
        if way.weights != "nf4" or has_bitsandbytes()
    )
    sys.exit(print_measured(["model", "settings", "step", "allocated", "reserved", "loss"], rows))


def _figures(name: str, way: Way, options: argparse.Namespace) -> list[str]:
    shape = replace(SHAPES[name], layers=options.layers or SHAPES[name].layers)
    figures, loss = _measured(shape, options.load, way, options.repeats)
    if way.weights is None:
        return figures
    usual = _usual_loss(shape)
    return [*figures, f"{loss / usual - 1:+.3%}" if usual else ""]


@cache
def _usual_loss(shape: DitShape) -> float:
    """The loss with weights in bfloat16."""
    return _loss(_model(shape), shape)


def _model(shape: DitShape) -> AceStepTransformer1DModel:
    transformer = build_transformer(shape, "cuda", torch.bfloat16)
    for weight in transformer.parameters():
        if weight.ndim == 2:
            weight.normal_(0, 0.02)
    return transformer


def _measured(shape: DitShape, load: tuple[int, int], way: Way, repeats: int) -> tuple[list[str], float]:
    """Seconds of a step and its peak of memory, and the loss before any step."""
    gc.collect()
    torch.cuda.empty_cache()
    transformer = _model(shape)
    if way.weights is not None:
        quantise_blocks(transformer, way.weights)
    loss = _loss(transformer, shape)
    step = our_step(transformer, make_batch(*load, shape.condition), 64, way.policy, streamed=way.streamed)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    timing = alternate({"step": step}, repeats, torch.device("cuda", 0))["step"]
    peaks = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
    return [seconds_of(timing), *(f"{peak / GB:.2f} GB" for peak in peaks)], loss


def _loss(transformer: AceStepTransformer1DModel, shape: DitShape) -> float:
    """The mean loss of one song at timesteps from one end to the other."""
    use_banded_attention(transformer)
    batch = make_batch(*DRAWN, shape.condition).to(transformer.device)
    timesteps = torch.linspace(0.03, 0.97, DRAWS, device=transformer.device)
    with torch.no_grad(), mixed_precision(transformer):
        losses = [sample_losses(transformer, replace(batch, t=t[None])) for t in timesteps]
    return float(torch.stack(losses).mean())


if __name__ == "__main__":
    main()
