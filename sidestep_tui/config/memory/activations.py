"""What a training step keeps for its backward pass, counted by what autograd keeps for one block of the DiT.

The list is in `_saved_per_token`; a test counts the same on a small model. The sums were held against torch's allocator
at the true shapes (docs/benchmarks.md), in two bytes an element as on cards, with the flash kernel. Four bytes are
counted as on a CPU, where windows are cut into blocks and recomputed layers keep the results of attention.
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
from sidestep_tui.config.dit_shape import DitShape, Linear, adapted_modules, module_parameters
from sidestep_tui.config.memory.load import Load
from sidestep_tui.config.train import TrainSettings

FP32: Final = 4
_OFT_ROTATION_COPIES: Final = 4  # terms of the Cayley-Neumann series that autograd keeps


@dataclass(frozen=True, slots=True)
class Activations:
    """Bytes: `held` from the forward pass on, until the backward pass has gone by; `working` at any one time of it."""

    held: int
    working: int


def activations(settings: TrainSettings, shape: DitShape, load: Load, element: int, batch: int) -> Activations:
    """Kept tensors of the layers that are not recomputed, inputs of those that are, and the work on one layer.

    Args:
        settings: of the run.
        shape: of the model's DiT.
        load: of the longest song, after cropping.
        element: bytes of a number in the frozen weights' precision.
        batch: songs at once.
    """
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
    if element == FP32:
        held += sum(_kept_attention(shape, load, element, batch, layer) for layer in again)
    again_at_once = max((kept[layer] for layer in again), default=0)
    ends = batch * load.frames * (shape.in_channels + 4 * shape.out_channels) * FP32
    working = _working_bytes(shape, settings.adapter, modules, batch * load.tokens, element)
    if reference:  # under a dense mask torch writes the scores and their gradients out, in both precisions
        working += batch * shape.heads * load.tokens**2 * (2 * element + 2 * FP32)
    return Activations(held, again_at_once + ends + working)


def _kept_attention(shape: DitShape, load: Load, element: int, batch: int, layer: int) -> int:
    """Results of long attention, which recomputed layers keep on a CPU (`engine/memory/recompute.py`)."""
    keys = [load.condition_tokens, *([load.tokens] if layer % 2 else [])]
    result = batch * load.tokens * shape.attention * element
    long = sum(count >= 1024 or (count >= 512 and result <= 4 * 1024**2) for count in keys)
    return long * (result + batch * load.tokens * shape.heads * FP32)


def _layer_bytes(
    shape: DitShape, adapter: AdapterSettings, modules: Iterable[Linear], load: Load, element: int, batch: int,
    sliding: bool, reference: bool,
) -> int:  # fmt: skip
    """What autograd keeps for one block."""
    adapted = {module.name: module for module in modules}
    lean = not reference and type(adapter) is LoraSettings and adapter.dropout == 0
    cast = 0 if lean or element == FP32 else FP32
    per_token, per_condition_token = _saved_per_token(
        shape,
        adapted,
        element,
        _Kept(FP32 if reference and element < FP32 else 0, cast, lean, sliding and not reference and element == FP32),
    )
    scores = shape.heads * load.tokens**2 * element if sliding and reference else 0
    for module in adapted.values():
        on_condition = module.name in ("cross_attn.k_proj", "cross_attn.v_proj")
        extra = 0 if lean else _family_bytes_per_token(adapter, module, element)
        per_condition_token += extra if on_condition else 0
        per_token += 0 if on_condition else extra
    whole = sum(_family_bytes(adapter, module, element if lean else FP32) for module in adapted.values())
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
    norm, own = element + how.norm_copy, element if how.lean else FP32
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
            return FP32 * adapter.rank + (element + FP32) * module.size_out
        case LoraSettings():
            return FP32 * adapter.rank
        case _:
            return 0


def _family_bytes(adapter: AdapterSettings, module: Linear, element: int) -> int:
    """LoKr and LoHa build the whole update of the weight in fp32, OFT keeps its rotations, lean LoRA its factors."""
    match adapter:
        case LoraSettings():
            return element * module_parameters(module, adapter) if element < FP32 else 0
        case LokrSettings() | LohaSettings():
            return FP32 * module.weight
        case OftSettings():
            return _OFT_ROTATION_COPIES * FP32 * module.size_in * adapter.block_size


def _working_bytes(
    shape: DitShape, adapter: AdapterSettings, modules: Iterable[tuple[Linear, ...]], tokens: int, element: int
) -> int:
    """Gradients in flight through the widest place of a block, and DoRA's weight norms."""
    gradients = tokens * (3 * shape.mlp + 2 * shape.hidden) * element
    if isinstance(adapter, DoraSettings):
        norms = (module.size_in**2 + 2 * module.weight for layer in modules for module in layer)
        return gradients + max(norms, default=0) * FP32
    return gradients
