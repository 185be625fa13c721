"""An adapter of each family, small and of another alpha than its default."""

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
    "dora": DoraSettings(rank=4, alpha=12),
    "lokr": LokrSettings(rank=2, alpha=5),
    "loha": LohaSettings(rank=4, alpha=12),
    "oft": OftSettings(block_size=8),
}
