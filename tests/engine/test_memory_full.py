"""What is advised where the memory is full: only what works on that device, whatever the settings leave open."""

from types import SimpleNamespace

import pytest
import torch

from sidestep_tui.engine.memory_full import out_of_memory
from sidestep_tui.engine.ranks import Ranks
from tests.config.support import train_settings

# Only the optimizer's state is left to save.
SPARING = train_settings(
    adapter__family="oft", adapter__block_size=256, adapter__targets__mlp=False, memory__checkpointing="offload",
    memory__stream_blocks=24, data__crop_seconds=30.0,
)  # fmt: skip
SIZES = {
    "hidden_size": 2048, "num_hidden_layers": 24, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
    "intermediate_size": 6144,
}  # fmt: skip


@pytest.mark.parametrize(("device", "advised"), [("cuda", True), ("cpu", False)])
def test_the_advice_is_for_the_device_that_is_full(device: str, advised: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidestep_tui.config.memory_advice.has_bitsandbytes", lambda: True)
    assert SPARING.model.device == "auto"
    batch = SimpleNamespace(x0=torch.zeros(1, 500, 1), condition=torch.zeros(1, 100, 1))
    transformer = SimpleNamespace(config=SIZES)
    error = out_of_memory(SPARING, transformer, torch.device(device), [batch], Ranks(), RuntimeError("Full. At 1 GiB."))
    assert error.what == "The device's memory does not suffice for 20 s of song in a batch of 1: Full."
    assert error.fix is not None
    assert ("optimizer.name adamw8bit" in error.fix) == advised
