"""What is advised where the memory is full: only what works on that device, whatever the settings leave open."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from sidestep_tui.engine.memory.full import out_of_memory
from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.errors import SidestepError
from tests.config.support import train_settings
from tests.engine.conftest import Engine

# Only the optimizer's state is left to save.
SPARING = train_settings(
    adapter__family="oft", adapter__block_size=256, adapter__targets__mlp=False, memory__checkpointing="offload",
    memory__stream_blocks=24, data__crop_seconds=30.0,
)  # fmt: skip
SIZES = {
    "hidden_size": 2048, "num_hidden_layers": 24, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
    "intermediate_size": 6144,
}  # fmt: skip


GIB = 2**30


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What other processes hold of a card of 24 GiB, 8 of which are ours."""
    held = [0]
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (16 * GIB - held[0], 24 * GIB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: 8 * GIB)
    return held


def told_on(device: str) -> SidestepError:
    batch = SimpleNamespace(x0=torch.zeros(1, 500, 1), condition=torch.zeros(1, 100, 1))
    transformer = SimpleNamespace(config=SIZES)
    return out_of_memory(SPARING, transformer, torch.device(device), [batch], Ranks(), RuntimeError("Full. At 1 GiB."))


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize(("device", "advised"), [("cuda", True), ("cpu", False)])
def test_the_advice_is_for_the_device_that_is_full(device: str, advised: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidestep_tui.config.memory.advice.has_bitsandbytes", lambda: True)
    assert SPARING.model.device == "auto"
    error = told_on(device)
    assert error.what == "The device's memory does not suffice for 20 s of song in a batch of 1: Full."
    assert error.fix is not None
    assert ("optimizer.name adamw8bit" in error.fix) == advised


def test_a_card_that_is_full_at_the_update_is_told_with_what_would_save_room(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(_optimizer: torch.optim.AdamW, *_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(torch.optim.AdamW, "step", fill)
    code, state = engine.work(engine.create("full", "train", train_document))
    assert (code, state.step) == (1, 0)
    assert state.failure is not None
    assert "does not suffice for 2 s of song in a batch of" in state.failure.what
    assert "(saves about" in state.failure.fix


def test_who_shares_a_card_is_told_that_others_fill_it(others: list[int]) -> None:
    words = "wait until other processes (`nvidia-smi` names them) let go of their {} GiB; or "
    others[0] = 10 * GIB
    assert (told_on("cuda").fix or "").startswith(words.format("10.0"))
    others[0] = GIB // 2  # this process's own context
    assert "other processes" not in (told_on("cuda").fix or "")
    assert "other processes" not in (told_on("cpu").fix or "")
