"""How much card memory a training run takes, by arithmetic alone: no torch, no card, instant.

Weights, gradients and optimizer state are exact (an upper bound where the optimizer factors its state). Activations are
counted from what autograd keeps for one block of the DiT (the list is in `_saved_per_token`; a test counts the same on
a small model). What is in flight (`_working_bytes`) and fixed (`RESERVE_BYTES`) is an estimate until a card has
measured it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sidestep_tui.config.adapter import (
    AdapterSettings,
    DoraSettings,
    LohaSettings,
    LokrSettings,
    LoraSettings,
    OftSettings,
)
from sidestep_tui.config.dit_shape import DitShape, Linear, adapted_modules, adapter_parameters
from sidestep_tui.config.optimisation import OptimizerName
from sidestep_tui.config.train import TrainSettings

GIB: Final = 1024**3
FRAMES_PER_SECOND: Final = 25
FRAMES_PER_TOKEN: Final = 2
TYPICAL_SECONDS: Final = 240.0
TYPICAL_CONDITION_TOKENS: Final = 768
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
_BLOCKS_ON_CARD: Final = 3
"""Of streamed blocks: the one at work, the next, and the one before, whose memory is not free yet."""
_OFT_ROTATION_COPIES: Final = 4  # terms of the Cayley-Neumann series that autograd keeps


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes on the card at the peak of a training step."""

    model: int
    adapter: int
    optimizer: int
    activations: int
    reserve: int = RESERVE_BYTES

    @property
    def total(self) -> int:
        """All parts together."""
        return self.model + self.adapter + self.optimizer + self.activations + self.reserve

    def parts(self) -> tuple[tuple[str, int], ...]:
        """The parts by name, in the order in which they are drawn."""
        return (
            ("model", self.model), ("adapter", self.adapter), ("optimizer", self.optimizer),
            ("activations", self.activations), ("reserve", self.reserve),
        )  # fmt: skip

    def fits(self, free_bytes: int) -> bool:
        """Whether the run fits into so much free memory with a margin."""
        return self.total <= free_bytes * (1 - MARGIN)


@dataclass(frozen=True, slots=True)
class Load:
    """What one forward pass is given: latent frames (25 a second) and condition tokens of the longest song."""

    frames: int = int(TYPICAL_SECONDS * FRAMES_PER_SECOND)
    condition_tokens: int = TYPICAL_CONDITION_TOKENS

    def cropped(self, crop_seconds: float | None) -> "Load":
        """The load when songs are cut into windows of at most so many seconds."""
        if crop_seconds is None:
            return self
        return Load(min(self.frames, round(crop_seconds * FRAMES_PER_SECOND)), self.condition_tokens)

    @property
    def tokens(self) -> int:
        """DiT tokens: pairs of latent frames."""
        return -(-self.frames // FRAMES_PER_TOKEN)


def estimate_memory(settings: TrainSettings, shape: DitShape, load: Load | None = None) -> MemoryEstimate:
    """The memory of a training run on a card.

    Args:
        settings: all of it; precision `auto` counts as bfloat16, as on every card since 2020.
        shape: of the model's DiT.
        load: of the longest song, before cropping; by default 240 s with 768 condition tokens.
    """
    element = _FP32 if settings.model.precision == "float32" else 2
    trainable = adapter_parameters(shape, settings.adapter)
    averaged = trainable if settings.training.ema_decay > 0 else 0
    return MemoryEstimate(
        model=_model_bytes(settings, shape, element),
        adapter=(2 * trainable + averaged) * _FP32,  # weights, gradients, average
        optimizer=round(trainable * _STATE_BYTES[settings.optimizer.name]),
        activations=_activations(settings, shape, (load or Load()).cropped(settings.data.crop_seconds), element),
    )


def _model_bytes(settings: TrainSettings, shape: DitShape, element: int) -> int:
    """The frozen weights on one card; of quantised blocks also the two widest weights of a module, widened."""
    sharded = settings.training.sharding == "fsdp"
    whole = shape.resident_parameters(settings.training.processes if sharded else 1) * element
    if settings.memory.stream_blocks:
        return (shape.parameters - (shape.layers - _BLOCKS_ON_CARD) * shape.layer_parameters) * element
    bits = _QUANTISED_BITS.get(settings.memory.weights)
    if bits is None:
        return whole
    linear = sum(module.weight for module in shape.modules())
    widened = 2 * max(module.weight for module in shape.modules()) * element
    return whole - shape.layers * round(linear * (element - bits / 8)) + widened


def _activations(settings: TrainSettings, shape: DitShape, load: Load, element: int) -> int:
    """Kept tensors of the layers that are not recomputed, inputs of those that are, and the work on one layer."""
    batch = settings.training.batch_size
    reference = settings.memory.attention == "reference"
    modules = adapted_modules(shape, settings.adapter.targets)
    first = next((layer for layer, chosen in enumerate(modules) if chosen), shape.layers)
    # Nothing trains below the first adapted layer, so nothing is kept for it.
    kept = {
        layer: _layer_bytes(shape, settings.adapter, modules[layer], load, element, batch, layer % 2 == 0, reference)
        for layer in range(first, shape.layers)
    }
    policy = settings.memory.checkpointing
    recomputed = {"none": 0, "half": 2}.get(policy, 1)  # every so many layers, from the first
    again = [layer for layer in kept if recomputed and layer % recomputed == 0]
    layer_input = 0 if policy == "offload" else batch * load.tokens * shape.hidden * element
    held = sum(kept.values()) - sum(kept[layer] - layer_input for layer in again)
    held += sum(_kept_attention(shape, load, element, batch, layer) for layer in again)
    working = max((kept[layer] for layer in again), default=0)
    ends = batch * load.frames * (shape.in_channels + 4 * shape.out_channels) * _FP32
    return held + working + ends + _working_bytes(shape, settings.adapter, modules, batch * load.tokens)


def _kept_attention(shape: DitShape, load: Load, element: int, batch: int, layer: int) -> int:
    """Results of long attention, which recomputed layers keep (`engine/recompute.py`)."""
    keys = [load.condition_tokens, *([load.tokens] if layer % 2 else [])]
    result = batch * load.tokens * shape.attention * element
    long = sum(count >= 1024 or (count >= 512 and result <= 4 * 1024**2) for count in keys)
    return long * (result + batch * load.tokens * shape.heads * _FP32)


def _layer_bytes(
    shape: DitShape, adapter: AdapterSettings, modules: Iterable[Linear], load: Load, element: int, batch: int,
    sliding: bool, reference: bool,
) -> int:  # fmt: skip
    """What autograd keeps for one block."""
    adapted = {module.name: module for module in modules}
    lean = not reference and type(adapter) is LoraSettings and adapter.dropout == 0
    cast = 0 if lean or element == _FP32 else _FP32
    per_token, per_condition_token = _saved_per_token(
        shape,
        adapted,
        element,
        _Kept(_FP32 if reference and element < _FP32 else 0, cast, lean, sliding and not reference),
    )
    scores = shape.heads * load.tokens**2 * (element + _FP32) if sliding and reference else 0
    for module in adapted.values():
        on_condition = module.name in ("cross_attn.k_proj", "cross_attn.v_proj")
        extra = 0 if lean else _family_bytes_per_token(adapter, module, element)
        per_condition_token += extra if on_condition else 0
        per_token += 0 if on_condition else extra
    whole = sum(_family_bytes(adapter, module) for module in adapted.values())
    return batch * (per_token * load.tokens + per_condition_token * load.condition_tokens + scores) + whole


@dataclass(frozen=True, slots=True)
class _Kept:
    """How a block keeps its tensors: bytes of extra copies beside a norm's and an adapter's input, and which attention.

    `lean` LoRA layers keep their input as it is and nothing else; PEFT's own keep it in fp32.
    """

    norm_copy: int
    adapter_copy: int
    lean: bool
    banded: bool


def _saved_per_token(shape: DitShape, adapted: dict[str, Linear], element: int, how: _Kept) -> tuple[int, int]:
    """Bytes kept for each DiT token and for each condition token by one block, the adapters' own parts left out.

    Norms keep their input, the library's an fp32 copy besides. Frozen linear layers keep nothing. Adapters that read
    the same tensor share it, unless each makes its own copy of it. Banded attention sees each key in three windows,
    keeps its mask, and hands its result on as a copy.
    """
    hidden, queries, keys, mlp = shape.hidden, shape.attention, shape.key_value, shape.mlp
    norm, own = element + how.norm_copy, element if how.lean else _FP32
    fast = how.norm_copy == 0

    def inputs(names: tuple[str, ...], width: int) -> int:
        count = sum(name in adapted for name in names)
        return own * width * (count if how.adapter_copy else min(count, 1))

    token = 3 * norm * hidden
    token += inputs(("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), hidden)
    token += inputs(("cross_attn.q_proj",), hidden)
    token += inputs(("mlp.gate_proj", "mlp.up_proj"), hidden)
    token += 2 * (norm + 2 * element) * queries  # of both attentions: before the norm; query and output of attention
    for name in ("self_attn.o_proj", "cross_attn.o_proj"):
        shared = how.lean or not how.adapter_copy  # with the output of attention
        token += 0 if name not in adapted or shared else own * queries
    token += (norm + (3 if how.banded else 1) * 2 * element) * keys
    if how.banded:
        token += element * (queries + 3 * shape.window * shape.heads // shape.kv_heads)
    token += (2 if fast else 3) * element * mlp  # gate, up, and the library's SiLU
    token += own * mlp if "mlp.down_proj" in adapted else 0
    condition = (norm + 2 * element) * keys
    if how.adapter_copy:  # without copies all layers share the one embedded condition
        condition += inputs(("cross_attn.k_proj", "cross_attn.v_proj"), hidden)
    return token, condition


def _family_bytes_per_token(adapter: AdapterSettings, module: Linear, element: int) -> int:
    """LoRA keeps A's output; DoRA the outputs of the frozen layer and of the adapter besides."""
    match adapter:
        case DoraSettings():
            return _FP32 * adapter.rank + (element + _FP32) * module.size_out
        case LoraSettings():
            return _FP32 * adapter.rank
        case _:
            return 0


def _family_bytes(adapter: AdapterSettings, module: Linear) -> int:
    """LoKr and LoHa build the whole update of the weight in fp32; OFT keeps its rotations."""
    match adapter:
        case LokrSettings() | LohaSettings():
            return _FP32 * module.weight
        case OftSettings():
            return _OFT_ROTATION_COPIES * _FP32 * module.size_in * adapter.block_size
        case _:
            return 0


def _working_bytes(
    shape: DitShape, adapter: AdapterSettings, modules: Iterable[tuple[Linear, ...]], tokens: int
) -> int:
    """Gradients in flight through the widest place of a block, and DoRA's weight norms. An estimate."""
    gradients = tokens * (3 * shape.mlp + 2 * shape.hidden) * _FP32
    if isinstance(adapter, DoraSettings):
        norms = (module.size_in**2 + 2 * module.weight for layer in modules for module in layer)
        return gradients + max(norms, default=0) * _FP32
    return gradients
