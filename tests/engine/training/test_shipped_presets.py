"""Every shipped preset trains: one optimizer step on a tiny model, with nothing else of it changed."""

from pathlib import Path
from typing import Any

import pytest

from sidestep_tui.config.layers import merge
from sidestep_tui.config.presets.preset import read_preset
from sidestep_tui.config.presets.shelf import shipped_presets
from tests.engine.conftest import Engine

SHIPPED = sorted(shipped_presets().glob("*.json"))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_shipped_preset_trains(engine: Engine, turbo: Path, songs: Path, file: Path) -> None:
    inputs: dict[str, Any] = {
        "model": {"checkpoint": str(turbo), "device": "cpu"},
        "data": {"tensors": str(songs)},
        "training": {"max_steps": 1},
        "logging": {"tensorboard": False},
    }
    run, state = engine.run(file.stem, "train", merge(read_preset(file, "shipped").settings, inputs))
    assert state.status == "completed"
    assert list(state.curves.step) == [1]
    assert (run.final / "adapter_model.safetensors").stat().st_size > 0
