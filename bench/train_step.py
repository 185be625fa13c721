"""Seconds of one optimizer step: ours against a plain diffusers + PEFT loop with the library's own attention.

    python -m bench.train_step                       # two lengths, with and without activation checkpointing
    python -m bench.train_step --shape 2b --dtype bfloat16 --device cuda [--graphs] [--compile]

Both sides train the same random weights on the same draws in one process, in turns. The limit beside the result is the
number of floating point operations that the step cannot avoid over the matrix rate measured in the same process. The
share of that rate counts four operations for each parameter and token, recomputed or not.
"""

import argparse
import copy
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import torch
from diffusers import AceStepTransformer1DModel
from peft import LoraConfig, inject_adapter_in_model
from torch.nn.functional import mse_loss

from bench.common import CLOCKS, alternate, describe_machine, matmul_rate, print_measured, ratio_of, seconds_of
from bench.shapes import SHAPES, build_transformer, least_operations, lora_targets
from sidestep_tui.acestep.compiled import compile_blocks
from sidestep_tui.acestep.fast import use_fast_blocks
from sidestep_tui.acestep.flash import trust_flash
from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.config.dit_shape import DitShape
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.config.optimisation import OptimizerSettings
from sidestep_tui.config.train import Checkpointing
from sidestep_tui.engine.adapters.adapter import trainable
from sidestep_tui.engine.data.batches import Batch
from sidestep_tui.engine.memory.recompute import use_checkpointing
from sidestep_tui.engine.memory.streaming import stream_frozen_blocks
from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.engine.training.graphs import RecordedPasses
from sidestep_tui.engine.training.optimizer import build_optimizer
from sidestep_tui.engine.training.recorder import CardRecorder
from sidestep_tui.engine.training.step import Passes, StepShare, accumulate_gradients, plain_passes

RATE = 1e-4
USEFUL = 4
"""Operations for each parameter and token that a LoRA step is wanted for: forward, and the gradient of the input."""


def main() -> None:
    options = parse_arguments()
    device, dtype = torch.device(options.device), getattr(torch, options.dtype)
    shape = SHAPES[options.shape]
    if options.layers is not None:
        shape = replace(shape, layers=options.layers)
    print(f"{describe_machine(device)}\n{options.shape}: {shape}")
    print(f"LoRA rank {options.rank}, batch 1, {options.dtype}, {options.clock} time\n")
    base = build_transformer(shape, options.device, dtype)
    rows = (
        ((f"{load[0]} + {load[1]}", recomputed), partial(measured_row, base, shape, load, recomputed == "on", options))
        for load in options.load
        for recomputed in options.checkpointing
    )
    sides = ["diffusers + PEFT", "ours", "ratio"]
    header = ["tokens + condition", "checkpointing", *sides, "limit", "matrix rate", "share of it"]
    failed = print_measured(header, rows)
    print(f"\n{describe_machine(device)}")
    sys.exit(failed)


def measured_row(
    base: AceStepTransformer1DModel,
    shape: DitShape,
    load: tuple[int, int],
    recomputed: bool,
    options: argparse.Namespace,
) -> list[str]:
    """Both sides in turns, as far as they fit, and what the machine could do."""
    clock, device = CLOCKS[options.clock], base.device
    batch, policy = make_batch(*load, shape.condition), "all" if recomputed else "none"
    faster = {"graphs": options.graphs, "compiled": options.compile}
    sides = {
        "plain": plain_step(copy_of(base), batch, options.rank, recomputed),
        "ours": our_step(copy_of(base), batch, options.rank, policy, **faster),
    }
    timings = alternate({name: side for name, side in sides.items() if fits(side)}, options.repeats, device, clock)
    rate = matmul_rate(device, base.dtype, clock)
    limit = least_operations(shape, *load, options.rank, recomputed) / rate
    plain, ours = timings.get("plain"), timings.get("ours")
    return [
        *("does not fit" if timing is None else seconds_of(timing) for timing in (plain, ours)),
        "" if plain is None or ours is None else ratio_of(plain, ours),
        f"{1000 * limit:.1f} ms",
        f"{rate / 1e9:.0f} GFLOP/s",
        "" if ours is None else f"{USEFUL * shape.parameters * load[0] / ours.median / rate:.0%}",
    ]


def fits(side: Callable[[], object]) -> bool:
    """Takes a first step, for which a card's memory may not suffice."""
    try:
        side()
    except torch.OutOfMemoryError:
        return False
    return True


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument(
        "--load", type=load_argument, nargs="+", default=[(3000, 160), (750, 769)], metavar="TOKENS+CONDITION"
    )
    parser.add_argument("--checkpointing", nargs="+", choices=("off", "on"), default=["off", "on"])
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--layers", type=int, help="fewer than the shape has, on a slow or busy machine")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: processor time, for a busy machine")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--graphs", action="store_true", help="our steps recorded and replayed, on CUDA")
    parser.add_argument("--compile", action="store_true", help="our blocks compiled, before the first step is timed")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    return parser.parse_args()


def load_argument(text: str) -> tuple[int, int]:
    tokens, condition = text.split("+")
    return int(tokens), int(condition)


def copy_of(base: AceStepTransformer1DModel) -> AceStepTransformer1DModel:
    """A model of its own, whose frozen weights, which nobody writes to, are the same memory."""
    return copy.deepcopy(base, {id(weight): weight for weight in base.parameters()})


def make_batch(tokens: int, condition_tokens: int, width: int) -> Batch:
    """One song of random latents, two frames a token."""
    draw = torch.Generator().manual_seed(0)
    return Batch(
        keys=("song",),
        x0=torch.randn(1, 2 * tokens, 64, generator=draw),
        noise=torch.randn(1, 2 * tokens, 64, generator=draw),
        t=torch.rand(1, generator=draw),
        condition=torch.randn(1, condition_tokens, width, generator=draw),
        context=torch.randn(1, 2 * tokens, 128, generator=draw),
        lengths=None,
        condition_lengths=None,
        importance=torch.ones(1),
        bands=(0,),
    )


def add_lora(transformer: AceStepTransformer1DModel, rank: int) -> AceStepTransformer1DModel:
    """LoRA on every projection of both attentions and of the MLP, in float32; B not zero, so that both sides work."""
    torch.manual_seed(1)
    targets = lora_targets(transformer)
    inject_adapter_in_model(
        LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets, init_lora_weights=False), transformer
    )
    for parameter in trainable(transformer).values():
        parameter.data = parameter.data.float()
    return transformer.train()


def plain_step(
    transformer: AceStepTransformer1DModel, batch: Batch, rank: int, checkpointing: bool
) -> Callable[[], None]:
    """The loop that one writes with diffusers and PEFT alone."""
    add_lora(transformer, rank)
    if checkpointing:
        transformer.enable_gradient_checkpointing()
    parameters = list(trainable(transformer).values())
    optimizer = torch.optim.AdamW(parameters, lr=RATE)
    weight = transformer.proj_in_conv.weight
    batch = batch.to(weight.device)

    def step() -> None:
        t = batch.t.to(weight.dtype)
        x_t = batch.t[:, None, None] * batch.noise + (1 - batch.t[:, None, None]) * batch.x0
        with torch.autocast(weight.device.type, torch.bfloat16, enabled=weight.dtype == torch.bfloat16):
            predicted = transformer(
                hidden_states=x_t.to(weight.dtype),
                timestep=t,
                timestep_r=t,
                encoder_hidden_states=batch.condition.to(weight.dtype),
                context_latents=batch.context.to(weight.dtype),
            ).sample
        mse_loss(predicted.float(), batch.noise - batch.x0).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def our_step(
    transformer: AceStepTransformer1DModel,
    batch: Batch | Callable[[], tuple[Batch, ...]],
    rank: int,
    policy: Checkpointing,
    *,
    graphs: bool = False,
    compiled: bool = False,
    streamed: int = 0,
) -> Callable[[], None]:
    """The step of the engine's training loop, on one song or on ever others.

    `streamed` blocks of the model come from the host, the rest is there.
    """
    device = transformer.device
    add_lora(transformer, rank)
    use_fast_blocks(transformer)
    if (problem := trust_flash(device)) is not None:
        print(f"without the flash kernel: {problem}\n")
    if compiled:
        compile_blocks(transformer, lambda _kind: nullcontext(), sys.exit)
    if streamed:
        stream_frozen_blocks(transformer.cpu(), device, streamed, sys.exit)
    use_checkpointing(transformer, policy, draws=False)
    adapter = trainable(transformer)
    parameters = list(adapter.values())
    optimizer = build_optimizer(adapter, OptimizerSettings(), LoraSettings())

    passes: Passes = plain_passes(transformer, ObjectiveSettings())
    if graphs:
        passes = RecordedPasses(passes, parameters, device, CardRecorder(device), sys.exit)

    def step() -> None:
        batches = (batch,) if isinstance(batch, Batch) else batch()
        share = StepShare(batches, tuple(range(len(batches))), len(batches))
        accumulate_gradients(passes, parameters, share, 1.0, (0, 1), Ranks())
        optimizer.step()
        optimizer.zero_grad()

    return step


if __name__ == "__main__":
    main()
