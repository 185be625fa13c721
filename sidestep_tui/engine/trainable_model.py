"""The DiT as a training run uses it: loaded, made smaller where asked, with its adapter on and its policies set."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from peft import PeftConfig

from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.acestep.compiled import compile_blocks
from sidestep_tui.acestep.fast import use_fast_blocks
from sidestep_tui.acestep.quantised import quantise_blocks
from sidestep_tui.config.adapter import has_dropout
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.adapter import inject_new
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.kernels import trust_kernel
from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.engine.recompute import use_checkpointing
from sidestep_tui.engine.sharding import shard_frozen_weights
from sidestep_tui.engine.start_from import start_from
from sidestep_tui.engine.streaming import stream_frozen_blocks
from sidestep_tui.engine.targets import Target
from sidestep_tui.told import told

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel


def open_trainable(
    context: JobContext,
    checkpoint: Checkpoint,
    settings: TrainSettings,
    targets: Sequence[Target],
    device: torch.device,
    dtype: torch.dtype,
    ranks: Ranks,
    *,
    resumed: bool,
) -> tuple["AceStepTransformer1DModel", PeftConfig]:
    """The DiT in training mode, in which the adapter alone asks for gradients, and the adapter's configuration.

    Args:
        context: hears what is compiled, and why it is not.
        checkpoint: the model.
        settings: of the run.
        targets: the modules that get an adapter.
        device: this rank's.
        dtype: of the frozen weights, before they are quantised.
        ranks: over whom the weights are cut, where the settings ask for it.
        resumed: a checkpoint of the run will be put into the adapter, so that it starts from nothing else.

    Raises:
        SidestepError: a part of the model is missing or damaged, or the settings ask for what cannot be here.
    """
    memory = settings.memory
    in_parts = ranks.sharded or memory.stream_blocks or memory.weights != "full"  # it visits the device piece by piece
    transformer = checkpoint.load_transformer("cpu" if in_parts else device, dtype)
    if memory.weights != "full":
        quantise_blocks(transformer, memory.weights, device)
        transformer.to(device)
    adapter = inject_new(transformer, settings.adapter, targets, settings.training.seed)
    if settings.adapter.start_from is not None and not resumed:
        start_from(transformer, settings.adapter, settings.adapter.start_from)
    if memory.attention == "banded":
        use_fast_blocks(transformer)
        trust_kernel(context, device)
    transformer.train()
    if memory.compile:
        compile_blocks(transformer, partial(context.during, "compiling the blocks"), _not_compiled(context))
    if memory.stream_blocks:
        stream_frozen_blocks(transformer, device, memory.stream_blocks, _not_pinned(context))
    use_checkpointing(transformer, memory.checkpointing, draws=has_dropout(settings.adapter))
    if settings.training.sharding == "fsdp":  # a process alone has nobody to share with, and is told so
        shard_frozen_weights(transformer, device, ranks)
    return transformer, adapter


def _not_compiled(context: JobContext) -> Callable[[str], None]:
    return partial(context.warn, where="memory.compile", fix=told("set it to false, and the run begins sooner"))


def _not_pinned(context: JobContext) -> Callable[[str], None]:
    return partial(
        context.warn,
        where="memory.stream_blocks",
        fix=told("stream fewer blocks, or quantise them with memory.weights"),
    )
