"""The DiT as a training run uses it: loaded, made smaller where asked, with its adapter on and its policies set."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from peft import PeftConfig

from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.acestep.compiled import CompiledBlocks, compile_blocks
from sidestep_tui.acestep.fast import use_fast_blocks
from sidestep_tui.acestep.quantised import quantise_blocks
from sidestep_tui.config.adapter import has_dropout
from sidestep_tui.config.train import MemorySettings, TrainSettings
from sidestep_tui.engine.adapters.adapter import inject_new
from sidestep_tui.engine.adapters.targets import Target
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.kernels import trust_kernel
from sidestep_tui.engine.memory.recompute import use_checkpointing
from sidestep_tui.engine.memory.sharding import shard_frozen_weights
from sidestep_tui.engine.memory.streaming import stream_frozen_blocks
from sidestep_tui.engine.ranks import Place
from sidestep_tui.engine.training.start_from import start_from
from sidestep_tui.runs.checkpoints import list_checkpoints
from sidestep_tui.runs.events import COMPILING
from sidestep_tui.told import told

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel


def open_trainable(
    context: JobContext,
    checkpoint: Checkpoint,
    settings: TrainSettings,
    targets: Sequence[Target],
    place: Place,
) -> tuple["AceStepTransformer1DModel", PeftConfig, CompiledBlocks | None]:
    """The DiT in training mode, in which the adapter alone asks for gradients, and the adapter's configuration.

    The third is what runs the blocks, where the settings ask for compiled ones.

    Args:
        context: hears what is compiled, and why it is not; a run that has checkpoints starts from nothing else.
        checkpoint: the model.
        settings: of the run.
        targets: the modules that get an adapter.
        place: where it computes, and with whom it shares its weights, where the settings ask for it.

    Raises:
        SidestepError: a part of the model is missing or damaged, or the settings ask for what cannot be here.
    """
    transformer = _frozen(checkpoint, settings.memory, place)
    adapter = inject_new(transformer, settings.adapter, targets, settings.training.seed)
    if settings.adapter.start_from is not None and not list_checkpoints(context.run):
        start_from(transformer, settings.adapter, settings.adapter.start_from)
    transformer.train()
    return transformer, adapter, _set_policies(context, transformer, settings, place)


def _frozen(checkpoint: Checkpoint, memory: MemorySettings, place: Place) -> "AceStepTransformer1DModel":
    """The DiT as it was stored, or quantised; on the host, if it visits the device piece by piece."""
    in_parts = place.ranks.sharded or memory.stream_blocks or memory.weights != "full"
    transformer = checkpoint.load_transformer("cpu" if in_parts else place.device, place.dtype)
    if memory.weights != "full":
        quantise_blocks(transformer, memory.weights, place.device)
        transformer.to(place.device)
    return transformer


def _set_policies(
    context: JobContext, transformer: "AceStepTransformer1DModel", settings: TrainSettings, place: Place
) -> CompiledBlocks | None:
    """What the blocks compute with, and what of them stays in memory; each step wraps what those before it made."""
    memory, compiled = settings.memory, None
    if memory.attention == "banded":
        use_fast_blocks(transformer)
        trust_kernel(context, place.device)
    if memory.compile:
        compiled = compile_blocks(transformer, partial(context.during, COMPILING), _not_compiled(context))
    if memory.stream_blocks:
        stream_frozen_blocks(transformer, place.device, memory.stream_blocks, _not_pinned(context))
    use_checkpointing(transformer, memory.checkpointing, draws=has_dropout(settings.adapter))
    if settings.training.sharding == "fsdp":  # a process alone has nobody to share with, and is told so
        shard_frozen_weights(transformer, place.device, place.ranks)
    return compiled


def _not_compiled(context: JobContext) -> Callable[[str], None]:
    return partial(context.warn_once, where="memory.compile", fix=told("set it to false, and the run begins sooner"))


def _not_pinned(context: JobContext) -> Callable[[str], None]:
    return partial(
        context.warn,
        where="memory.stream_blocks",
        fix=told("stream fewer blocks, or quantise them with memory.weights"),
    )
