"""What `sidestep estimate` costs over a plain forward and backward pass, in time and in memory.

    OMP_NUM_THREADS=1 python -m bench.probe --clock cpu [--shape 2b] [--tokens 750] [--condition 256] [--layers 4]

Both sides are the same pass through the frozen model with every layer recomputed and gradients of all activations; one
of them with every linear layer probed and ranked. They take turns. With `--naive` a third side keeps the gradient of
every probed weight in an ordinary backward pass, as naive estimators do (twice the model's memory).
Memory is measured first, as the rise of resident memory (Linux) with an allocator that gives every larger block back.
"""

import argparse
import ctypes
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from diffusers import AceStepTransformer1DModel

from bench.common import CLOCKS, alternate, describe_machine, print_table, seconds_of
from bench.memory import M_MMAP_THRESHOLD, MIB, rise_of
from bench.shapes import SHAPES, build_transformer, lora_targets
from sidestep_tui.acestep.attention import use_banded_attention
from sidestep_tui.acestep.flash import trust_flash
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.engine.devices import keep_freed_memory
from sidestep_tui.engine.estimate.probe import probed
from sidestep_tui.engine.estimate.ranking import Ranking
from sidestep_tui.engine.memory.recompute import use_checkpointing


@dataclass(frozen=True)
class Sides:
    """Three ways through one model with one input."""

    model: AceStepTransformer1DModel
    x: torch.Tensor
    condition: torch.Tensor
    context: torch.Tensor
    ranking: Ranking

    def plain(self) -> None:
        t = torch.full((1,), 0.5, device=self.x.device, dtype=self.x.dtype)
        velocity(self.model, self.x, t, self.condition, self.context).square().mean().backward()

    def probed(self) -> None:
        with probed(self.model, lora_targets(self.model), self.ranking.observe):
            self.plain()
        self.ranking.take(0)

    def naive(self) -> None:
        weights = [self.model.get_submodule(name).weight.requires_grad_() for name in lora_targets(self.model)]
        self.plain()
        for weight in weights:
            weight.requires_grad_(False).grad = None


def make_sides(options: argparse.Namespace) -> Sides:
    shape = SHAPES[options.shape]
    shape = replace(shape, layers=options.layers or shape.layers)
    device, dtype = torch.device(options.device), getattr(torch, options.dtype)
    model = build_transformer(shape, options.device, dtype)
    trust_flash(device)
    use_banded_attention(model)
    use_checkpointing(model, "all")
    g = torch.Generator().manual_seed(0)

    def drawn(*size: int) -> torch.Tensor:
        return torch.randn(1, *size, generator=g).to(device, dtype).requires_grad_()

    x = drawn(2 * options.tokens, 64)
    condition = drawn(options.condition, shape.condition)
    context = drawn(2 * options.tokens, 128).detach()
    return Sides(model, x, condition, context, Ranking((1 / 3, 1 / 3, 1 / 3)))


def bookkeeping(ranking: Ranking) -> int:
    """Bytes of statistics that stay from draw to draw."""
    tensors = [
        tensor
        for one in ranking.statistics.values()
        for tensor in (one.basis, one.energy, *one.sketches.values())
        if tensor is not None
    ]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="2b")
    parser.add_argument("--layers", type=int, help="so many layers of that width")
    parser.add_argument("--tokens", type=int, default=750)
    parser.add_argument("--condition", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--naive", action="store_true", help="also keep every weight's gradient")
    options = parser.parse_args()
    device = torch.device(options.device)
    print(describe_machine(device))
    sides = make_sides(options)
    layers = len(sides.model.layers)
    load = f"{options.tokens} + {options.condition} tokens"
    print(f"{options.shape}, {layers} layers, {load}, {options.dtype}, {options.clock} time\n")
    ways: dict[str, Callable[[], None]] = {"plain": sides.plain, "probed": sides.probed}
    if options.naive:
        ways["naive"] = sides.naive
    if device.type == "cpu":
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 64 * 1024)
    rises = {name: rise_of(way, device) for name, way in ways.items()}
    rises["probed"] += bookkeeping(sides.ranking)
    keep_freed_memory()
    timings = alternate(ways, options.repeats, device, CLOCKS[options.clock])
    rows = [
        [
            name,
            seconds_of(timings[name]),
            f"{timings[name].median / timings['plain'].median:.2f}×",
            f"{rises[name] / MIB:.0f} MiB",
            f"{(rises[name] - rises['plain']) / MIB:+.0f} MiB",
        ]
        for name in ways
    ]
    print_table(["pass", "time", "against plain", "rise of memory", "against plain"], rows)


if __name__ == "__main__":
    main()
