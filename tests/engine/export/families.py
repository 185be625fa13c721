"""Adapters of every kind that is exported, as their settings have them."""

from sidestep_tui.config.adapter import AdapterBase, LokrSettings, LoraSettings
from tests.engine.families import FAMILIES

EXPORTED: dict[str, AdapterBase] = FAMILIES | {
    "lora, rank-stabilised": LoraSettings(rank=4, alpha=12, rank_stabilised=True),
    "lokr, whole factors": LokrSettings(rank=512, alpha=256),
}
