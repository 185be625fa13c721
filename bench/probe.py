"""What `sidestep estimate` costs over a plain forward and backward pass, in memory and in time.

    python -m bench.probe [--shape 2b] [--tokens 750] [--condition 256] [--passes 2]

Each side runs in a process of its own, with its own peak of resident memory: the pass through the frozen model alone,
the same with every linear layer probed and ranked, and an ordinary backward pass that keeps the gradient of every
probed weight, as naive estimators do (left out where the memory does not suffice).
"""

import argparse
import resource
import subprocess
import sys
import time

import torch

from bench.common import describe_machine
from bench.shapes import SHAPES, build_transformer, lora_targets
from sidestep_tui.acestep.attention import use_banded_attention
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.engine.probe import probed
from sidestep_tui.engine.ranking import Ranking
from sidestep_tui.engine.recompute import use_checkpointing

SIDES = ("pass", "probed", "kept")


def one_side(options: argparse.Namespace) -> None:
    """Prints the median seconds of a pass and the peak of resident memory in MB."""
    shape = SHAPES[options.shape]
    model = build_transformer(shape)
    use_banded_attention(model)
    use_checkpointing(model, "all")
    names, ranking = lora_targets(model), Ranking((1 / 3, 1 / 3, 1 / 3))
    if options.side == "kept":
        for name in names:
            model.get_submodule(name).weight.requires_grad_()
    g = torch.Generator().manual_seed(0)
    x = torch.randn(1, 2 * options.tokens, 64, generator=g, requires_grad=True)
    condition = torch.randn(1, options.condition, shape.condition, generator=g, requires_grad=True)
    context, seconds = torch.randn(1, 2 * options.tokens, 128, generator=g), []
    with probed(model, names if options.side == "probed" else [], ranking.observe):
        for number in range(options.passes + 1):
            began = time.perf_counter()
            velocity(model, x, torch.tensor([0.5]), condition, context).square().mean().backward()
            if options.side == "probed":
                ranking.take(number % 3)
            if number:  # the first pass warms up, and chooses the ranking's directions
                seconds.append(time.perf_counter() - began)
    print(sorted(seconds)[len(seconds) // 2], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="2b")
    parser.add_argument("--tokens", type=int, default=750)
    parser.add_argument("--condition", type=int, default=256)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        return one_side(options)
    print(describe_machine(torch.device("cpu")))
    print(f"{options.shape}, {options.tokens} tokens, {options.condition} condition tokens, float32")
    base: tuple[float, float] | None = None
    for side in SIDES:
        command = [sys.executable, "-m", "bench.probe", *sys.argv[1:], "--side", side]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            print(f"{side:8} did not finish (exit {result.returncode})")
            continue
        seconds, peak = map(float, result.stdout.split()[-2:])
        base = base or (seconds, peak)
        print(f"{side:8} {seconds:8.1f} s {seconds / base[0]:6.2f}× {peak:9.0f} MB {peak - base[1]:+9.0f} MB")
    return None


if __name__ == "__main__":
    main()
