"""The adapter: which family, how large, and which modules of the DiT it reaches."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator

from sidestep_tui.config.base import Section, Shown

Family = Literal["lora", "dora", "lokr", "loha", "oft"]
Projection = Literal["q", "k", "v", "o"]
_Alpha = Annotated[float | None, Field(gt=0, le=4096), Shown(empty="from the rank", short="alpha")]


class TargetSettings(Section):
    """Which modules of the DiT carry an adapter."""

    attention: Annotated[Literal["both", "self", "cross", "none"], Shown()] = "both"
    """Self-attention shapes sound and structure, cross-attention how text and lyrics are followed."""

    projections: Annotated[tuple[Projection, ...], Field(min_length=1), Shown("advanced")] = ("q", "k", "v", "o")
    """Which projections of the chosen attentions."""

    mlp: Annotated[bool, Shown()] = True
    """Also adapt the gate, up and down projections of the MLP: more capacity, more memory."""

    layers: Annotated[
        str,
        Field(pattern=r"^(all|\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*)$"),
        Shown("advanced"),
    ] = "all"
    """`all`, or layer numbers and ranges from 0, for instance `0-11,20`."""

    modules: Annotated[tuple[str, ...] | None, Shown("advanced")] = None
    """An explicit list of module names such as `layers.3.self_attn.q_proj`; replaces the choices above."""

    @field_validator("layers")
    @classmethod
    def _upwards(cls, value: str) -> str:
        for part in value.split(","):
            first, _, last = part.partition("-")
            if last and int(last) < int(first):
                raise ValueError(f"the layers {part} go downwards; write {last}-{first}")
        return value


class AdapterBase(Section):
    """What all families share."""

    targets: TargetSettings = TargetSettings()

    start_from: Annotated[Path | None, Shown("advanced", personal=True)] = None
    """An adapter to go on from, in any form that `export` writes; its family, modules and ranks must be those here."""

    targets_from: Annotated[Path | None, Shown("advanced", personal=True)] = None
    """A sensitivity file of `sidestep estimate`, or the tensor folder that holds one: its modules, ranks and alphas.
    OFT has no ranks and takes the modules alone."""


class LoraSettings(AdapterBase):
    """LoRA: a low-rank update B·A beside each frozen weight (Hu et al., arXiv:2106.09685)."""

    family: Literal["lora"] = "lora"
    """lora, dora, lokr, loha or oft."""

    rank: Annotated[int, Field(ge=1, le=1024), Shown(short="rank")] = 64
    """Directions that each module can move in. 16 for a hint of style, 64 for an album, 128 and more for many songs."""

    alpha: _Alpha = None
    """Scale of the update, which is multiplied by alpha/rank; empty: twice the rank, with LoKr and LoHa the rank."""

    dropout: Annotated[float, Field(ge=0, lt=1), Shown("advanced")] = 0.0
    """Share of the adapter's inputs dropped in training; 0.05 to 0.1 against over-fitting on very few songs."""

    rank_stabilised: Annotated[bool, Shown("advanced")] = False
    """Scale by alpha/sqrt(rank) instead of alpha/rank (arXiv:2312.03732): lets high ranks learn as fast as low ones."""

    b_rate_ratio: Annotated[float, Field(ge=1, le=64), Shown("advanced")] = 1.0
    """LoRA+ (arXiv:2402.12354): the learning rate of B is this many times that of A. 1 switches it off."""


class DoraSettings(LoraSettings):
    """DoRA: LoRA on the direction, with a learned magnitude per output row (arXiv:2402.09353)."""

    family: Literal["dora"] = "dora"  # type: ignore[assignment]
    """lora, dora, lokr, loha or oft."""


class LokrSettings(AdapterBase):
    """LoKr: a Kronecker product of two small matrices (LyCORIS, arXiv:2309.14859); the smallest files."""

    family: Literal["lokr"] = "lokr"
    """lora, dora, lokr, loha or oft."""

    rank: Annotated[int, Field(ge=1, le=1024), Shown(short="rank")] = 64
    """Rank of the larger Kronecker factor where it is factorised."""

    alpha: _Alpha = None
    """Scale of the update, which is multiplied by alpha/rank; empty: twice the rank, with LoKr and LoHa the rank."""

    factor: Annotated[int, Field(ge=-1, le=256), Shown("advanced")] = -1
    """How a weight is cut into a Kronecker product; -1 takes the most nearly square cut."""

    dropout: Annotated[float, Field(ge=0, lt=1), Shown("advanced")] = 0.0
    """Share of the adapter's rank dropped in training."""


class LohaSettings(AdapterBase):
    """LoHa: the elementwise product of two low-rank updates (FedPara, arXiv:2108.06098)."""

    family: Literal["loha"] = "loha"
    """lora, dora, lokr, loha or oft."""

    rank: Annotated[int, Field(ge=1, le=512), Shown(short="rank")] = 32
    """Rank of each of the two factors; the product reaches up to its square."""

    alpha: _Alpha = None
    """Scale of the update, which is multiplied by alpha/rank; empty: twice the rank, with LoKr and LoHa the rank."""

    dropout: Annotated[float, Field(ge=0, lt=1), Shown("advanced")] = 0.0
    """Share of the adapter's rank dropped in training."""


class OftSettings(AdapterBase):
    """OFT: an orthogonal rotation of each weight's inputs in blocks (arXiv:2306.07280); keeps the weight's spectrum."""

    family: Literal["oft"] = "oft"
    """lora, dora, lokr, loha or oft."""

    block_size: Annotated[int, Field(ge=2, le=512), Shown()] = 32
    """Side of the rotated blocks; must divide the width of every target."""

    @field_validator("block_size")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("the block size must be even")
        return value


def adapter_family(value: Any) -> str:
    """The tag of an adapter document; a document that names no family means LoRA, and what is none has no tag."""
    if isinstance(value, dict):
        return str(value.get("family", "lora"))
    return str(type(value).model_fields["family"].default) if isinstance(value, AdapterBase) else str(value)


AdapterSettings = Annotated[
    Annotated[LoraSettings, Tag("lora")]
    | Annotated[DoraSettings, Tag("dora")]
    | Annotated[LokrSettings, Tag("lokr")]
    | Annotated[LohaSettings, Tag("loha")]
    | Annotated[OftSettings, Tag("oft")],
    Discriminator(adapter_family),
]


def used_alpha(settings: LoraSettings | LokrSettings | LohaSettings) -> float:
    """Alpha as the layers get it."""
    if settings.alpha is not None:
        return settings.alpha
    return float(2 * settings.rank if isinstance(settings, LoraSettings) else settings.rank)


def has_dropout(adapter: AdapterSettings) -> bool:
    """Whether its layers draw random numbers in training."""
    return not isinstance(adapter, OftSettings) and adapter.dropout > 0
