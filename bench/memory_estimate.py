"""The arithmetic estimate of a run's memory beside what torch's allocator takes at the true shapes.

    python -m bench.memory_estimate
    python -m tools.pretended_card CUDA_PYTHON -m bench.memory_estimate

The reserve for the CUDA context and for what the allocator cannot reuse is left out of the estimate here, as the
context is out of the allocator's figures.
"""

import argparse
import gc
import sys
from functools import partial
from typing import Final

import torch

from bench.common import describe_machine, print_measured
from bench.shapes import SHAPES, build_transformer
from bench.train_step import load_argument, make_batch, our_step
from sidestep_tui.config.dit_shape import DitShape
from sidestep_tui.config.memory.estimate import estimate_memory
from sidestep_tui.config.memory.load import Load
from sidestep_tui.config.train import Checkpointing, TrainSettings

GB = 1e9
POLICIES: Final[tuple[Checkpointing, ...]] = ("none", "half", "all", "offload")


def main() -> None:
    options = parse_arguments()
    device = torch.device("cuda", 0)
    print(f"{describe_machine(device)}\nLoRA rank 64 on everything, batch 1, bfloat16, AdamW in float32\n")
    rows = (
        (
            (name, f"{load[0]} + {load[1]}", policy),
            partial(_figures, SHAPES[name], load, policy, options.graphs, options.compile),
        )
        for name in options.shape
        for load in options.load
        for policy in (POLICIES[:-1] if options.graphs else POLICIES)
    )
    header = ["model", "tokens + condition", "recomputed", "allocated", "reserved", "estimate", "off"]
    sys.exit(print_measured(header, rows))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", nargs="+", choices=SHAPES, default=["2b", "xl"])
    loads = [(750, 257), (3000, 768), (7500, 1500)]
    parser.add_argument("--load", type=load_argument, nargs="+", default=loads, metavar="TOKENS+CONDITION")
    parser.add_argument("--graphs", action="store_true", help="with recorded steps, whose memory is reserved at once")
    parser.add_argument("--compile", action="store_true", help="with compiled blocks")
    return parser.parse_args()


def _figures(shape: DitShape, load: tuple[int, int], policy: Checkpointing, graphs: bool, compiled: bool) -> list[str]:
    peak, reserved = _measured(shape, load, policy, graphs, compiled)
    estimate = _estimated(shape, load, policy, graphs, compiled)
    return [*(f"{size / GB:.2f} GB" for size in (peak, reserved, estimate)), f"{estimate / peak - 1:+.1%}"]


def _measured(
    shape: DitShape, load: tuple[int, int], policy: Checkpointing, graphs: bool, compiled: bool
) -> tuple[int, int]:
    """Bytes at the peak of a third step, allocated and reserved."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    transformer = build_transformer(shape, "cuda", torch.bfloat16)
    step = our_step(transformer, make_batch(*load, shape.condition), 64, policy, graphs=graphs, compiled=compiled)
    for _ in range(3):
        step()
    return torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()


def _estimated(shape: DitShape, load: tuple[int, int], policy: Checkpointing, graphs: bool, compiled: bool) -> int:
    document = {
        "model": {"checkpoint": "model"},
        "data": {"tensors": "tensors"},
        "adapter": {"rank": 64, "alpha": 128},
        "memory": {"checkpointing": policy, "graphs": graphs, "compile": compiled},
    }
    estimate = estimate_memory(TrainSettings.model_validate(document), shape, Load(2 * load[0], load[1]))
    return estimate.total - estimate.reserve


if __name__ == "__main__":
    main()
