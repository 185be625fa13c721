"""How much card memory a training run takes, by arithmetic alone: no torch, no card, instant.

Weights, gradients and optimizer state are exact (an upper bound where the optimizer factors its state). Activations
(`activations`) and sampling (`sampling`) have modules of their own. What is fixed (`RESERVE_BYTES`) is an estimate
until a card has measured it. `memory.compile` changes nothing here: compiled blocks keep as much, within one percent
(docs/benchmarks.md). What `memory.graphs` records keeps its gradients and its pool, which songs of many lengths make a
fifth larger than the activations of the longest; that is left out.
"""

from dataclasses import dataclass
from typing import Final

from sidestep_tui.config.dit_shape import DitShape, adapter_parameters
from sidestep_tui.config.memory.activations import Activations, activations
from sidestep_tui.config.memory.load import Load, stored_bytes
from sidestep_tui.config.memory.sampling import prior_bytes, prior_load, sampling_bytes
from sidestep_tui.config.optimisation import OptimizerName
from sidestep_tui.config.train import TrainSettings

GIB: Final = 1024**3
RESERVE_BYTES: Final = 700 * 1024**2
"""CUDA context, kernels, cuBLAS workspaces and what the allocator cannot reuse."""
MARGIN: Final = 0.05
"""Share of a card's free memory that is left alone."""

_FP32: Final = 4
_FACTORED: Final = 0.5
"""Upper bound of a factored second moment: a row and a column for each matrix of rank 8 or more."""
_STATE_BYTES: Final[dict[OptimizerName, float]] = {
    "adamw": 2 * _FP32,  # running means of the gradient and of its square
    "adamw8bit": 2 + 2 * _FP32 / 256,  # one byte each, and a scale for every block of 256
    "adafactor": _FACTORED,
    "prodigy": 4 * _FP32,  # AdamW's two, the start, and the distance's sum
    "schedule_free": 2 * _FP32,  # the fast sequence and the mean of the squared gradient
    "came": _FP32 + 2 * _FACTORED,
}
_QUANTISED_BITS: Final = {"int8": 8.0, "fp8": 8.0, "nf4": 4 + 16 / 64}
"""For each element of a linear layer; `nf4` with a scale of 16 bits for 64 of them. Scales of rows do not count."""
_BLOCKS_ON_CARD: Final = 2
"""Of streamed blocks: the one at work and the next."""


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes on the card at the peak of a training step, and of the sampling between steps.

    `model` is all that lies there from the beginning: the DiT, the prior's songs, and those of the set where they are
    held on the card.

    `sampling` is all that is there while the run generates songs, 0 where it generates none by itself: gradients and
    activations are gone by then, unless steps are recorded, so only what exceeds a step's total counts.
    """

    model: int
    adapter: int
    optimizer: int
    activations: int
    reserve: int = RESERVE_BYTES
    sampling: int = 0

    @property
    def step(self) -> int:
        """All parts of a training step together."""
        return self.model + self.adapter + self.optimizer + self.activations + self.reserve

    @property
    def total(self) -> int:
        """The higher of the two peaks."""
        return max(self.step, self.sampling)

    def parts(self) -> tuple[tuple[str, int], ...]:
        """The parts by name, in the order in which they are drawn."""
        return (
            ("model", self.model), ("adapter", self.adapter), ("optimizer", self.optimizer),
            ("activations", self.activations), ("sampling", self.total - self.step), ("reserve", self.reserve),
        )  # fmt: skip

    def fits(self, free_bytes: int) -> bool:
        """Whether the run fits into so much free memory with a margin."""
        return self.total <= free_bytes * (1 - MARGIN)


def estimate_memory(settings: TrainSettings, shape: DitShape, load: Load | None = None) -> MemoryEstimate:
    """The memory of a training run on a card.

    Args:
        settings: all of it; precision `auto` counts as bfloat16, as on every card since 2020.
        shape: of the model's DiT.
        load: of the longest song, before cropping; by default 240 s with 768 condition tokens.
    """
    element = _FP32 if settings.model.precision == "float32" else 2
    load = load or Load()
    trainable = adapter_parameters(shape, settings.adapter)
    averaged = trainable if settings.training.ema_decay > 0 else 0
    model = _model_bytes(settings, shape, element) + prior_bytes(settings, shape, load, element)
    if settings.data.residence == "device":
        model += stored_bytes(load.all_frames, load.all_condition_tokens, shape.condition)
    optimizer = round(trainable * _STATE_BYTES[settings.optimizer.name])
    first, batch = load.cropped(settings.data.crop_seconds), settings.training.batch_size
    recorded = settings.memory.graphs
    gradients = 0 if settings.training.gradient_accumulation > 1 or recorded else trainable * _FP32
    steps = [_beside(activations(settings, shape, first, element, batch), gradients)]
    if (prior := prior_load(settings, load)) is not None:
        steps.append(_beside(activations(settings, shape, prior, element, 1), 0))  # one song, after the micro-batches
    staying = (trainable + averaged) * _FP32 + optimizer + RESERVE_BYTES  # while songs are sampled
    staying += max(steps) + trainable * _FP32 if recorded else 0  # the pool of the recordings, and their gradients
    sampling = sampling_bytes(settings, shape, element)
    return MemoryEstimate(
        model=model,
        adapter=(2 * trainable + averaged) * _FP32,  # weights, gradients, average
        optimizer=optimizer,
        activations=max(steps),
        sampling=model + staying + sampling if sampling else 0,
    )


def _beside(activated: Activations, gradients: int) -> int:
    """Activations beyond the gradients, which come into being as what was held is let go: they share a place."""
    return activated.working + max(0, activated.held - gradients)


def _model_bytes(settings: TrainSettings, shape: DitShape, element: int) -> int:
    """The frozen weights on one card; of quantised blocks also the two widest weights of a module, widened."""
    sharded = settings.training.sharding == "fsdp"
    whole = shape.resident_parameters(settings.training.processes if sharded else 1) * element
    if settings.memory.stream_blocks:
        away = max(0, min(settings.memory.stream_blocks, shape.layers) - _BLOCKS_ON_CARD)
        return (shape.parameters - away * shape.layer_parameters) * element
    bits = _QUANTISED_BITS.get(settings.memory.weights)
    if bits is None:
        return whole
    linear = sum(module.weight for module in shape.modules())
    widened = 2 * max(module.weight for module in shape.modules()) * element
    return whole - shape.layers * round(linear * (element - bits / 8)) + widened
