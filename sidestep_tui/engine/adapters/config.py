"""PEFT's configuration: of a new adapter, from the settings of the run and the modules chosen, and of a saved one."""

from collections.abc import Mapping, Sequence
from typing import Any

from peft import LoHaConfig, LoKrConfig, LoraConfig, OFTConfig, PeftConfig
from pydantic import BaseModel, FiniteFloat, NonNegativeInt, PositiveInt, ValidationError

from sidestep_tui.acestep.keymap import to_diffusers
from sidestep_tui.config.adapter import (
    AdapterBase,
    DoraSettings,
    LohaSettings,
    LokrSettings,
    LoraSettings,
    OftSettings,
    used_alpha,
)
from sidestep_tui.engine.adapters.targets import Target


class _Numbers(BaseModel):
    """What of PEFT's configuration is reckoned with; PEFT itself looks at no type."""

    r: NonNegativeInt = 0
    lora_alpha: FiniteFloat = 0
    alpha: FiniteFloat = 0
    rank_pattern: dict[str, PositiveInt] | None = None
    alpha_pattern: dict[str, FiniteFloat] | None = None
    num_cayley_neumann_terms: NonNegativeInt = 0


def new_config(settings: AdapterBase, targets: Sequence[Target]) -> PeftConfig:
    """The configuration under diffusers' module names, with the ranks and alphas that single modules ask for."""
    names = [to_diffusers(target.module) for target in targets]
    own = {
        "rank_pattern": {to_diffusers(t.module): t.rank for t in targets if t.rank is not None},
        "alpha_pattern": {to_diffusers(t.module): t.alpha for t in targets if t.alpha is not None},
    }
    match settings:
        case LoraSettings():
            return LoraConfig(
                r=settings.rank,
                lora_alpha=used_alpha(settings),
                lora_dropout=settings.dropout,
                use_rslora=settings.rank_stabilised,
                use_dora=isinstance(settings, DoraSettings),
                target_modules=names,
                **own,
            )
        case LokrSettings():
            return LoKrConfig(
                r=settings.rank,
                alpha=used_alpha(settings),
                decompose_factor=settings.factor,
                rank_dropout=settings.dropout,
                rank_dropout_scale=True,  # as in LoRA and LoHa; else inference has more of the update
                target_modules=names,
                **own,
            )
        case LohaSettings():
            return LoHaConfig(
                r=settings.rank, alpha=used_alpha(settings), rank_dropout=settings.dropout, target_modules=names, **own
            )
        case OftSettings():
            return OFTConfig(r=0, oft_block_size=settings.block_size, target_modules=names)
        case _:
            raise TypeError(type(settings))


def unscaled_lora(ranks: Mapping[str, int], usual: int) -> dict[str, Any]:
    """What a LoRA's configuration says of rank and alpha where the scale is in the weights: alpha equals the rank.

    Args:
        ranks: of each module.
        usual: the rank that needs no mention of its own.
    """
    others = {name: rank for name, rank in ranks.items() if rank != usual}
    return {"r": usual, "lora_alpha": usual, "rank_pattern": others, "alpha_pattern": others}


def check_numbers(config: object) -> None:
    """Holds the configuration of a saved adapter to what is reckoned with.

    Raises:
        ValueError: a member is no such number.
    """
    try:
        _Numbers.model_validate(config, strict=True)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise ValueError(": ".join([*map(str, wrong["loc"]), wrong["msg"]])) from error
