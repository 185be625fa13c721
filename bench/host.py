"""What the host does for one training step on a card: its own time, and what it launches there.

    python -m tools.pretended_card CUDA_PYTHON -m bench.host

A card that waits for its host computes nothing, so these bound the step from below, whatever the kernels take. Needs
the pretended card, where no kernel runs and launches are counted. Width does not matter to the host; depth does.
"""

import ctypes
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from bench.common import describe_machine, print_table
from bench.shapes import SHAPES, build_transformer
from bench.train_step import copy_of, make_batch, our_step, plain_step

MIB = 1024**2
REPEATS = 9


def main() -> None:
    if "PRETENDED_CARD" not in os.environ:
        sys.exit(str(__doc__))
    card = ctypes.CDLL(os.environ["PRETENDED_CARD"])
    device = torch.device("cuda", 0)
    shape = replace(SHAPES["small"], layers=SHAPES["2b"].layers)
    batch = make_batch(3000, 768, shape.condition)
    base = build_transformer(shape, "cuda", torch.bfloat16)
    print(f"{describe_machine(device)}\n{shape.layers} layers, 3000 + 768 tokens, LoRA rank 64, bfloat16\n")
    rows = []
    for side, make in {
        "diffusers + PEFT": partial(plain_step, checkpointing=False),
        "ours": partial(our_step, policy="none"),
        "ours, compiled": partial(our_step, policy="none", compiled=True),
        "ours, recorded": partial(our_step, policy="none", graphs=True),
        "ours, compiled and recorded": partial(our_step, policy="none", compiled=True, graphs=True),
        "diffusers + PEFT, recomputed": partial(plain_step, checkpointing=True),
        "ours, recomputed": partial(our_step, policy="all"),
        "ours, recomputed, compiled": partial(our_step, policy="all", compiled=True),
        "ours, recomputed, recorded": partial(our_step, policy="all", graphs=True),
        "ours, recomputed, compiled and recorded": partial(our_step, policy="all", compiled=True, graphs=True),
    }.items():
        step = make(copy_of(base), batch, 64)
        rows.append([side, *_measured(step, card)])
    print_table(["side", "host", "range", "kernels", "products", "rise of memory"], rows)


def _measured(step: Callable[[], None], card: ctypes.CDLL) -> list[str]:
    """Processor time of a step, its launches and products, and how far torch's allocator rises in it."""
    step(), step()
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        step()
        times.append(1000 * (time.process_time() - start))
    before = [card.pretended_launches(), card.pretended_matrix_products()]
    torch.cuda.reset_peak_memory_stats()
    resident = torch.cuda.memory_allocated()
    step()
    rise = torch.cuda.max_memory_allocated() - resident
    kernels, products = card.pretended_launches() - before[0], card.pretended_matrix_products() - before[1]
    spread = f"{min(times):.0f}-{max(times):.0f}"
    return [f"{statistics.median(times):.0f} ms", spread, f"{kernels}", f"{products}", f"{rise / MIB:.0f} MiB"]


if __name__ == "__main__":
    main()
