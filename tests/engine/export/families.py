"""Adapters of every family that is exported, as their settings have them."""

from sidestep_tui.config.adapter import (
    AdapterBase,
    DoraSettings,
    LohaSettings,
    LokrSettings,
    LoraSettings,
    OftSettings,
)

FAMILIES: dict[str, AdapterBase] = {
    "lora": LoraSettings(rank=4, alpha=12),
    "lora, rank-stabilised": LoraSettings(rank=4, alpha=12, rank_stabilised=True),
    "dora": DoraSettings(rank=4, alpha=12),
    "lokr": LokrSettings(rank=2, alpha=5),
    "lokr, whole factors": LokrSettings(rank=512, alpha=256),
    "loha": LohaSettings(rank=4, alpha=12),
    "oft": OftSettings(block_size=8),
}
