"""A step that finds the device's memory full is taken once more, from nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sidestep_tui.config.fields import put
from sidestep_tui.engine.training import step
from tests.acestep.support import FULL
from tests.engine.conftest import Engine


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


@pytest.mark.parametrize("full", FULL[:3])
def test_what_the_first_try_left_is_not_added_to_the_second(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch, full: Callable[[], Exception]
) -> None:
    document = put(put(train_document, "training.gradient_accumulation", 2), "validation.songs", 0)
    document = put(document, "training.max_steps", 2)
    plain, _ = engine.run("plain", "train", document)
    original, calls = step.sample_losses, 0

    def full_at_the_second_micro_batch(*arguments: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise full()
        return original(*arguments)

    monkeypatch.setattr(step, "sample_losses", full_at_the_second_micro_batch)
    run, state = engine.run("full once", "train", document)
    assert calls == 2 + 4
    assert [warning.what for warning in state.warnings if "tried again" in warning.what]
    for key, value in _weights(plain.final).items():
        assert torch.equal(_weights(run.final)[key], value)
