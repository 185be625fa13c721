"""PEFT's configuration of a new adapter, from the settings of the run and the modules that were chosen."""

from collections.abc import Sequence

from peft import LoHaConfig, LoKrConfig, LoraConfig, OFTConfig, PeftConfig

from sidestep_tui.acestep.keymap import to_diffusers
from sidestep_tui.config.adapter import (
    AdapterBase,
    DoraSettings,
    LohaSettings,
    LokrSettings,
    LoraSettings,
    OftSettings,
)
from sidestep_tui.engine.targets import Target


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
                lora_alpha=settings.used_alpha,
                lora_dropout=settings.dropout,
                use_rslora=settings.rank_stabilised,
                use_dora=isinstance(settings, DoraSettings),
                target_modules=names,
                **own,
            )
        case LokrSettings():
            return LoKrConfig(
                r=settings.rank,
                alpha=settings.used_alpha,
                decompose_factor=settings.factor,
                rank_dropout=settings.dropout,
                rank_dropout_scale=True,  # as in LoRA and LoHa; else inference has more of the update
                target_modules=names,
                **own,
            )
        case LohaSettings():
            return LoHaConfig(
                r=settings.rank, alpha=settings.used_alpha, rank_dropout=settings.dropout, target_modules=names, **own
            )
        case OftSettings():
            return OFTConfig(r=0, oft_block_size=settings.block_size, target_modules=names)
        case _:
            raise TypeError(type(settings))
