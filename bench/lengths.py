"""What torch's allocator reserves for songs of many lengths, in its usual segments and in those that grow.

    python -m bench.lengths                                                     # segments as the engine has them
    PYTORCH_ALLOC_CONF=expandable_segments:False python -m bench.lengths        # the usual ones

Also on the pretended card, whose README says how segments grow there.
"""

import argparse
import gc
import random
import sys
from functools import partial
from typing import Final

import torch

from bench.common import describe_machine, print_measured
from bench.memory_estimate import GB
from bench.shapes import SHAPES, build_transformer
from bench.train_step import make_batch, our_step
from sidestep_tui.config.dit_shape import DitShape
from sidestep_tui.config.train import Checkpointing
from sidestep_tui.engine.data.batches import Batch
from sidestep_tui.engine.segments import let_segments_grow

POLICIES: Final[tuple[Checkpointing, ...]] = ("none", "half", "all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="2b")
    parser.add_argument("--steps", type=int, default=16)
    options = parser.parse_args()
    device = torch.device("cuda", 0)
    print(describe_machine(device))
    print(f"segments that do not grow: {let_segments_grow(device)}\n")
    shape = SHAPES[options.shape]
    rows = (([options.shape, policy], partial(_measured, shape, policy, options.steps)) for policy in POLICIES)
    sys.exit(print_measured(["model", "recomputed", "allocated", "reserved"], rows))


def _measured(shape: DitShape, policy: Checkpointing, steps: int) -> list[str]:
    """Bytes at the peak of all steps, allocated and reserved."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    draw = random.Random(1)

    def songs() -> tuple[Batch, ...]:
        """Of one to five minutes, one or two of them."""
        count = draw.choice((1, 2))
        return tuple(make_batch(draw.randint(750, 3750), draw.randint(200, 900), shape.condition) for _ in range(count))

    step = our_step(build_transformer(shape, "cuda", torch.bfloat16), songs, 64, policy)
    for _ in range(steps):
        step()
    return [f"{size / GB:.2f} GB" for size in (torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved())]


if __name__ == "__main__":
    main()
