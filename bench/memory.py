"""How high memory rises over one training step, by checkpointing policy and length.

    python -m bench.memory
    python -m bench.memory --shape 2b --dtype bfloat16 --device cuda --load 3000+768

Weights, gradients and optimizer state of a first step are there before; what is shown is the rise above them, mostly
activations. On a card the allocator tells it; on the CPU (Linux only) the kernel's high-water mark of resident memory,
with an allocator that gives every larger block back at once, so that one measurement does not hide the next.
"""

import argparse
import ctypes
from collections.abc import Callable
from pathlib import Path

import torch

from bench.common import describe_machine, print_table
from bench.shapes import SHAPES, build_transformer
from bench.train_step import copy_of, load_argument, make_batch, our_step, plain_step

MIB = 1024**2
M_MMAP_THRESHOLD = -3


def main() -> None:
    options = parse_arguments()
    device, dtype = torch.device(options.device), getattr(torch, options.dtype)
    shape = SHAPES[options.shape]
    if device.type == "cpu":
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 64 * 1024)
    print(f"{describe_machine(device)}\n{options.shape}: {shape}, LoRA rank {options.rank}, batch 1, {options.dtype}\n")
    base = build_transformer(shape, options.device, dtype)
    rows = []
    for tokens, condition_tokens in options.load:
        batch = make_batch(tokens, condition_tokens, shape.condition)
        for policy in ("none", "half", "all"):
            ours = rise_of(our_step(copy_of(base), batch, options.rank, policy), device)
            row = [f"{tokens} + {condition_tokens}", policy]
            if policy == "half":  # diffusers knows all or nothing
                row += ["", f"{ours / MIB:.0f} MiB", ""]
            else:
                plain = rise_of(plain_step(copy_of(base), batch, options.rank, policy == "all"), device)
                row += [f"{plain / MIB:.0f} MiB", f"{ours / MIB:.0f} MiB", f"{plain / ours:.2f}×"]
            rows.append(row)
    print_table(["tokens + condition", "recomputed layers", "diffusers + PEFT", "ours", "ratio"], rows)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    loads = [(750, 769), (1500, 160), (3000, 160)]
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--load", type=load_argument, nargs="+", default=loads, metavar="TOKENS+CONDITION")
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    return parser.parse_args()


def rise_of(step: Callable[[], None], device: torch.device) -> int:
    """Bytes by which memory rises within a step, after a first one."""
    step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        step()
        return torch.cuda.max_memory_allocated(device) - before
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
    step()
    return _resident("VmHWM") - before


def _resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


if __name__ == "__main__":
    main()
