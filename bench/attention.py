"""Self-attention of one layer, forward and backward: blocks around the diagonal against the dense mask.

python -m bench.attention
python -m bench.attention --dtype bfloat16 --device cuda --heads 16 --kv-heads 8 --head-dim 128
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.common import CLOCKS, alternate, describe_machine, print_measured, ratio_of, seconds_of
from sidestep_tui.acestep.attention import attend
from sidestep_tui.acestep.flash import trust_flash

WINDOW = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, nargs="+", default=[750, 1500, 3000])
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--kv-heads", type=int, default=4)
    parser.add_argument("--head-dim", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    options = parser.parse_args()
    device, dtype = torch.device(options.device), getattr(torch, options.dtype)
    if (problem := trust_flash(device)) is not None:
        print(f"without the flash kernel: {problem}\n")
    print(f"{describe_machine(device)}\n{vars(options)}\n")
    rows = (
        ((str(tokens), name), partial(_figures, tokens, window, device, dtype, options))
        for tokens in options.tokens
        for name, window in (("sliding", WINDOW), ("full", None))
    )
    sys.exit(print_measured(["tokens", "layer", "library's mask", "ours", "ratio"], rows))


def _figures(
    tokens: int, window: int | None, device: torch.device, dtype: torch.dtype, options: argparse.Namespace
) -> list[str]:
    sizes = [(1, tokens, heads, options.head_dim) for heads in (options.heads, options.kv_heads, options.kv_heads)]
    states = [torch.randn(size, device=device, dtype=dtype, requires_grad=True) for size in sizes]
    sides = {
        "library": _both_ways(states, lambda q, k, v: dense_attention(q, k, v, window)),
        "ours": _both_ways(states, lambda q, k, v: attend(q, k, v, window)),
    }
    timings = alternate(sides, options.repeats, device, CLOCKS[options.clock])
    library, ours = timings["library"], timings["ours"]
    return [seconds_of(library), seconds_of(ours), ratio_of(library, ours)]


def dense_attention(query: Tensor, key: Tensor, value: Tensor, window: int | None) -> Tensor:
    """What the library asks of SDPA: grouped queries, and in sliding layers an additive [S, S] mask."""
    mask = None
    if window is not None:
        position = torch.arange(query.shape[1], device=query.device)
        outside = (position[:, None] - position).abs() > window
        mask = torch.zeros(outside.shape, dtype=query.dtype, device=query.device)
        mask.masked_fill_(outside, torch.finfo(query.dtype).min)
    query, key, value = (states.transpose(1, 2) for states in (query, key, value))
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, enable_gqa=True).transpose(1, 2)


def _both_ways(states: list[Tensor], attention: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[[], object]:
    def work() -> object:
        mixed = attention(*states)
        return torch.autograd.grad(mixed, states, torch.ones_like(mixed))

    return work


if __name__ == "__main__":
    main()
