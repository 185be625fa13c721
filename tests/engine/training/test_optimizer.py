"""AdamW's update in closed form, with the settings in their places, and what LoRA+ and live changes do to the rates."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from sidestep_tui.config.adapter import DoraSettings, LoraSettings
from sidestep_tui.config.fields import put
from sidestep_tui.config.layers import problems_of
from sidestep_tui.config.optimisation import OptimizerSettings
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.training.optimizer import build_optimizer, change_while_running, set_rate
from sidestep_tui.errors import SidestepError

SETTINGS = OptimizerSettings(learning_rate=0.1, beta1=0.6, beta2=0.9, epsilon=0.01, weight_decay=0.5)


def test_adamw_takes_rate_decay_betas_and_epsilon_from_the_settings() -> None:
    """Decoupled decay (arXiv:1711.05101): the weight shrinks by rate times decay, beside the update of Adam."""
    parameter = nn.Parameter(torch.tensor([2.0, -1.0, 0.5]))
    expected, mean, square = parameter.detach().clone(), torch.zeros(3), torch.zeros(3)
    optimizer = build_optimizer({"lora_A": parameter}, SETTINGS, LoraSettings())
    for step, gradient in enumerate(torch.tensor([[0.3, -2.0, 0.0], [0.1, 1.0, -0.02]]), start=1):
        rate = set_rate(optimizer, 0.5)
        assert rate == pytest.approx(0.05)
        parameter.grad = gradient
        optimizer.step()
        mean, square = 0.6 * mean + 0.4 * gradient, 0.9 * square + 0.1 * gradient**2
        update = (mean / (1 - 0.6**step)) / ((square / (1 - 0.9**step)).sqrt() + 0.01)
        expected = expected * (1 - rate * 0.5) - rate * update
    torch.testing.assert_close(parameter.detach(), expected)


def test_lora_plus_gives_the_b_matrices_their_multiple_at_every_rate() -> None:
    parameters = {f"layers.0.to_q.lora_{name}.default.weight": nn.Parameter(torch.ones(1)) for name in "AB"}
    optimizer = build_optimizer(parameters, SETTINGS, LoraSettings(b_rate_ratio=4.0))

    def rates() -> dict[str, float]:
        return {
            name: group["lr"]
            for name, parameter in parameters.items()
            for group in optimizer.param_groups
            if any(parameter is one for one in group["params"])
        }

    a, b = parameters
    assert set_rate(optimizer, 0.5) == pytest.approx(0.05)
    assert rates() == pytest.approx({a: 0.05, b: 0.2})
    change_while_running(optimizer, {"optimizer.learning_rate": "0.02"})
    set_rate(optimizer, 1.0)
    assert rates() == pytest.approx({a: 0.02, b: 0.08})


def test_decay_leaves_the_lengths_of_the_weights_alone() -> None:
    names = [f"layers.0.to_q.{name}.default.weight" for name in ("lora_A", "lora_B", "lora_magnitude_vector")]
    parameters = {name: nn.Parameter(torch.full((2,), 3.0)) for name in names}
    optimizer = build_optimizer(parameters, SETTINGS, DoraSettings())
    for parameter in parameters.values():
        parameter.grad = torch.zeros(2)
    optimizer.step()
    assert [parameter[0].item() for parameter in parameters.values()] == pytest.approx([2.85, 2.85, 3.0])


@pytest.mark.parametrize("name", ["adamw", "adafactor", "prodigy", "schedule_free", "came"])
@pytest.mark.parametrize("beta", ["beta1", "beta2"])
def test_settings_without_a_memory_make_an_optimizer_or_are_refused(name: str, beta: str) -> None:
    document = {"name": name, beta: 0}
    if (name, beta) == ("schedule_free", "beta1"):
        with pytest.raises(ValidationError, match="schedule_free needs beta1 above 0"):
            OptimizerSettings.model_validate(document)
    else:
        settings = OptimizerSettings.model_validate(document)
        build_optimizer({"lora_A": nn.Parameter(torch.zeros(2, 2))}, settings, LoraSettings())


def test_a_bitsandbytes_that_fails_at_its_first_step_is_named_before_the_run_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It can be imported wherever it was built for, and says only at a step that it was not built for this CUDA."""

    class Built(torch.optim.SGD):
        def step(self, *_: Any) -> None:
            raise RuntimeError("\n🚨 CUDA VERSION MISMATCH 🚨\nRequested CUDA version: 13.0\n\nTen lines more.")

    zeros = torch.zeros
    monkeypatch.setattr(torch, "zeros", lambda *size, **_: zeros(*size))  # there is no card to put them on
    monkeypatch.setitem(sys.modules, "bitsandbytes", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", SimpleNamespace(AdamW8bit=Built))
    on_a_card: Any = SimpleNamespace(device=torch.device("cuda", 0))
    with pytest.raises(SidestepError, match="works here") as caught:
        build_optimizer({"lora_A": on_a_card}, OptimizerSettings(name="adamw8bit"), LoraSettings())
    assert caught.value.what.endswith("works here: 🚨 CUDA VERSION MISMATCH 🚨.")
    assert caught.value.where == "optimizer.name"
    assert "adafactor" in str(caught.value.fix)


def _movement(name: str, ratio: float) -> list[float]:
    """How far A and B go in three steps on equal gradients."""
    parameters = {key: nn.Parameter(torch.ones(8, 8)) for key in ("lora_A", "lora_B")}
    settings = OptimizerSettings.model_validate({"name": name, "learning_rate": 1e-3})
    optimizer = build_optimizer(parameters, settings, LoraSettings(b_rate_ratio=ratio))
    for _ in range(3):
        set_rate(optimizer, 1.0)
        for parameter in parameters.values():
            parameter.grad = torch.ones(8, 8)
        optimizer.step()
    return [1 - float(parameter.detach().mean()) for parameter in parameters.values()]


@pytest.mark.parametrize("name", ["adamw", "adafactor", "prodigy", "schedule_free", "came"])
def test_b_is_faster_than_a_or_that_is_refused(name: str, train_document: dict[str, Any]) -> None:
    document = put(put(train_document, "optimizer.name", name), "adapter.b_rate_ratio", 8)
    by_a, by_b = _movement(name, 8)
    refused = [problem.message for problem in problems_of(TrainSettings, document)]
    assert refused or by_b > 4 * by_a
    assert not refused or ("finds one rate" in refused[0] and by_b == pytest.approx(by_a))
    assert not problems_of(TrainSettings, put(document, "adapter.b_rate_ratio", 1))
