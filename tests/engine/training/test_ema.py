"""The moving average against its recurrence, alone and in what a run saves."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from sidestep_tui.config.fields import put
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.training.ema import MovingAverage
from tests.engine.conftest import Engine


def test_the_average_forgets_its_start_and_then_fades_at_its_decay() -> None:
    parameter = nn.Parameter(torch.tensor([1.0]))
    average = MovingAverage({"weight": parameter}, 0.5)
    expected = 1.0
    for step, value in enumerate((5.0, -3.0, 2.0, 8.0, 1.0, 0.0, 4.0, 4.0, 9.0), start=1):
        parameter.data.fill_(value)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    assert decay == 0.5
    assert parameter.item() == 9.0, "what is trained is left alone"
    with average.in_place():
        assert parameter.item() == pytest.approx(expected)
    assert parameter.item() == 9.0


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def test_a_run_saves_the_average_of_its_weights_beside_them(engine: Engine, train_document: dict[str, Any]) -> None:
    document = put(put(train_document, "training.ema_decay", 0.25), "checkpoints.every_steps", 1)
    run, _ = engine.run("averaged", "train", put(document, "training.max_steps", 3))
    folders = [run.checkpoints / f"step-{step:08d}" for step in (1, 2, 3)]
    average = _weights(folders[0] / "ema")
    for step, folder in enumerate(folders[1:], start=2):
        decay = min(0.25, (1 + step) / (10 + step))
        average = {key: decay * average[key] + (1 - decay) * raw for key, raw in _weights(folder).items()}
        for key, value in _weights(folder / "ema").items():
            torch.testing.assert_close(value, average[key])
    final, averaged = _weights(run.final), _weights(run.path / "final-ema")
    assert all(torch.equal(value, _weights(folders[2])[key]) for key, value in final.items()), "raw, not averaged"
    assert all(torch.equal(value, _weights(folders[2] / "ema")[key]) for key, value in averaged.items())
    assert any(not torch.equal(value, averaged[key]) for key, value in final.items())


def test_an_average_that_is_asked_for_later_begins_with_what_is_trained_by_then(
    engine: Engine, train_document: dict[str, Any]
) -> None:
    document = put(put(train_document, "checkpoints.every_steps", 1), "training.max_steps", 2)
    run = engine.create("later", "train", document)
    (run.commands / "1-stop.json").write_text('{"command": "stop"}', "utf-8")
    engine.work(run)
    run.change_settings(TrainSettings.model_validate(put(document, "training.ema_decay", 0.2)), force=True)
    engine.work(run)
    first, second = (run.checkpoints / f"step-{step:08d}" for step in (1, 2))
    assert not (first / "ema").exists()
    before, after = _weights(first), _weights(second)
    for key, value in _weights(second / "ema").items():
        torch.testing.assert_close(value, 0.2 * before[key] + 0.8 * after[key])
