"""The DiT as numbers: its sizes, the parameters that follow from them, and those of an adapter. Exact, no torch.

Counts follow `AceStepTransformer1DModel` of diffusers 0.42 and the adapter layers of PEFT 0.21; the tests hold them
against the published models and against PEFT itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sidestep_tui.config.adapter import (
    AdapterSettings,
    DoraSettings,
    LohaSettings,
    LokrSettings,
    LoraSettings,
    TargetSettings,
)
from sidestep_tui.config.target_modules import chosen_modules, layer_beyond, module_names

_PATCH: Final = 2
_TIME_CHANNELS: Final = 256


@dataclass(frozen=True, slots=True)
class DitShape:
    """Sizes of the DiT. `condition` is the width of the condition sequence; `window` the reach of sliding layers."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp: int
    condition: int
    in_channels: int = 192
    out_channels: int = 64
    window: int = 128

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "DitShape":
        """The shape in a model's `config.json`, of either layout.

        Raises:
            KeyError: a size is missing.
        """
        return cls(
            hidden=config["hidden_size"],
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            kv_heads=config["num_key_value_heads"],
            head_dim=config["head_dim"],
            mlp=config["intermediate_size"],
            condition=config.get("encoder_hidden_size") or config["hidden_size"],
            in_channels=config.get("in_channels", 192),
            out_channels=config.get("audio_acoustic_hidden_dim", 64),
            window=config.get("sliding_window", 128),
        )

    @property
    def attention(self) -> int:
        """Width of the queries of all heads together."""
        return self.heads * self.head_dim

    @property
    def key_value(self) -> int:
        """Width of the keys, and of the values, of all their heads together."""
        return self.kv_heads * self.head_dim

    @property
    def layer_parameters(self) -> int:
        """Parameters of one block: two attentions, SwiGLU, five kinds of norm, six modulation rows."""
        projections = sum(module.weight for module in self.modules())
        return projections + 3 * self.hidden + 4 * self.head_dim + 6 * self.hidden

    @property
    def parameters(self) -> int:
        """Parameters of the whole DiT."""
        h = self.hidden
        patch_in = self.in_channels * _PATCH * h + h
        patch_out = self.out_channels * _PATCH * h + self.out_channels
        time_embedding = (_TIME_CHANNELS * h + h) + (h * h + h) + (6 * h * h + 6 * h)
        condition = self.condition * h + h
        final_norm_and_modulation = h + 2 * h
        return (
            self.layers * self.layer_parameters
            + patch_in + patch_out + 2 * time_embedding + condition + final_norm_and_modulation
        )  # fmt: skip

    def resident_parameters(self, cards: int) -> int:
        """Parameters on each of several cards that share the blocks out: its share, and two gathered blocks."""
        blocks = self.layers * self.layer_parameters
        shared = -(-blocks // cards) + 2 * self.layer_parameters
        return self.parameters if cards == 1 else self.parameters - blocks + shared

    def modules(self) -> tuple["Linear", ...]:
        """The linear layers of one block, by their original names."""
        h, a, kv, m = self.hidden, self.attention, self.key_value, self.mlp
        attentions = (
            Linear(f"{attention}_attn.{name}_proj", size_in, size_out)
            for attention in ("self", "cross")
            for name, size_in, size_out in (("q", h, a), ("k", h, kv), ("v", h, kv), ("o", a, h))
        )
        return (
            *attentions,
            Linear("mlp.gate_proj", h, m),
            Linear("mlp.up_proj", h, m),
            Linear("mlp.down_proj", m, h),
        )


class Linear(NamedTuple):
    """A linear layer without bias: its name inside a block, and its sizes."""

    name: str
    size_in: int
    size_out: int

    @property
    def weight(self) -> int:
        """Elements of its weight."""
        return self.size_in * self.size_out


SHAPE_2B: Final = DitShape(hidden=2048, layers=24, heads=16, kv_heads=8, head_dim=128, mlp=6144, condition=2048)
SHAPE_XL: Final = DitShape(hidden=2560, layers=32, heads=32, kv_heads=8, head_dim=128, mlp=9728, condition=2048)


def adapted_modules(shape: DitShape, targets: TargetSettings) -> tuple[tuple[Linear, ...], ...]:
    """The linear layers that carry an adapter, for each block of the DiT."""
    chosen = set(chosen_modules(targets, shape.layers))
    return tuple(
        tuple(module for module in shape.modules() if f"layers.{layer}.{module.name}" in chosen)
        for layer in range(shape.layers)
    )


def absent_target(shape: DitShape, targets: TargetSettings) -> tuple[str, str] | None:
    """A layer or module that is asked for and that the model does not have, or that nothing is asked for.

    Returns:
        The name of the setting within its section, and what it names; None where all is there. `""` stands for nothing.
    """
    if targets.modules is not None:
        known = set(module_names(shape.layers))
        unknown = next((name for name in targets.modules if name not in known), None)
        return None if unknown is None and targets.modules else ("modules", unknown or "")
    if (beyond := layer_beyond(targets.layers, shape.layers)) is not None:
        return "layers", str(beyond)
    return None if chosen_modules(targets, shape.layers) else ("attention", "")


def adapter_parameters(shape: DitShape, adapter: AdapterSettings) -> int:
    """Trainable parameters of an adapter. A sensitivity file (`targets_from`) is not looked into."""
    return sum(
        module_parameters(module, adapter) for layer in adapted_modules(shape, adapter.targets) for module in layer
    )


def module_parameters(module: Linear, adapter: AdapterSettings) -> int:
    """Trainable parameters that one linear layer gets."""
    size_in, size_out = module.size_in, module.size_out
    match adapter:
        case DoraSettings():
            return adapter.rank * (size_in + size_out) + size_out  # A, B and a magnitude per output row
        case LoraSettings():
            return adapter.rank * (size_in + size_out)
        case LokrSettings():
            return _lokr(size_in, size_out, adapter.rank, adapter.factor)
        case LohaSettings():
            return 2 * adapter.rank * (size_in + size_out)
        case _:
            blocks = size_in // adapter.block_size
            return blocks * adapter.block_size * (adapter.block_size - 1) // 2  # skew-symmetric: one triangle


def _lokr(size_in: int, size_out: int, rank: int, factor: int) -> int:
    """W1 ⊗ W2, where W2 is factorised unless the rank is at least half its longer side."""
    out_small, out_large = kronecker_cut(size_out, factor)
    in_small, in_large = kronecker_cut(size_in, factor)
    whole = rank >= max(out_large, in_large) / 2
    second = out_large * in_large if whole else rank * (out_large + in_large)
    return out_small * in_small + second


def kronecker_cut(size: int, factor: int) -> tuple[int, int]:
    """Two divisors of a size, the smaller first: `factor` where it divides, else the nearest pair at or below it.

    A factor of -1 gives the most nearly square pair.
    """
    if factor > 0 and size % factor == 0:
        return factor, size // factor
    limit = size if factor == -1 else factor
    small = max(d for d in range(1, int(size**0.5) + 1) if size % d == 0 and (d <= limit or d == 1))
    return small, size // small
