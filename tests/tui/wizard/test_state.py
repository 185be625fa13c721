"""What the wizard knows without a screen: memory, steps, conflicts, obstacles, and what the review says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sidestep_tui.config.dit_shape import SHAPE_2B, SHAPE_XL
from sidestep_tui.config.memory.estimate import GIB
from sidestep_tui.config.memory.load import Load
from sidestep_tui.errors import UsageError
from sidestep_tui.tui.wizard import reviewing
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.facts import DataFacts, model_facts
from sidestep_tui.tui.wizard.lengths import optimizer_steps
from sidestep_tui.tui.wizard.state import WizardState

from .conftest import FACTS, card


def ready(**values: Any) -> WizardState:
    document = WizardDocument().set_all({"model.checkpoint": "/m", "data.tensors": "/t", **values})
    return WizardState(
        document, model=FACTS, data=DataFacts("tensors", 14, Load(5800, 400), 232.0), cards=(card(8 * GIB),)
    )


def test_memory_is_known_before_model_and_songs_are_chosen() -> None:
    view = WizardState().memory()
    assert view is not None
    assert view.memory.model == 2 * SHAPE_2B.parameters
    assert view.free is None
    assert view.fits


def test_memory_follows_the_model_and_the_longest_song() -> None:
    state = ready()
    small = state.memory()
    state.model = model_facts({"variant": "base", "layout": "original", "is_xl": True, "dit_parameters": 1}, {})
    large = state.memory()
    assert small is not None
    assert large is not None
    assert large.memory.model == 2 * SHAPE_XL.parameters
    assert large.memory.activations > small.memory.activations
    assert not large.fits


@pytest.mark.parametrize(
    ("device", "free"), [("auto", 8), ("cuda", 8), ("cuda:1", 24), ("cuda:7", None), ("cpu", None)]
)
def test_memory_is_held_against_the_card_of_the_run(device: str, free: int | None) -> None:
    state = ready(**{"model.device": device})
    state.cards = (card(8 * GIB), card(24 * GIB))
    assert state.free_bytes == (free * GIB if free else None)


def test_a_card_that_tells_no_memory_has_none_to_hold_anything_against() -> None:
    state = ready()
    state.cards = (replace(card(8 * GIB), memory_total=0, memory_used=0),)
    assert state.free_bytes is None


def test_make_it_fit_edits_the_document() -> None:
    state = ready(**{"memory.checkpointing": "none"})
    assert state.make_it_fit()
    view = state.memory()
    assert view is not None
    assert view.fits
    assert not state.make_it_fit()


def test_obstacles_in_the_order_in_which_they_are_met() -> None:
    assert reviewing.obstacle(WizardState()) == "model.checkpoint is needed"
    assert "adapter.rank must be" in (reviewing.obstacle(ready(**{"adapter.rank": 0})) or "")
    empty = ready()
    empty.data = DataFacts("empty")
    assert reviewing.obstacle(empty) == "data.tensors: neither preprocessed tensors nor audio files"
    assert reviewing.obstacle(ready()) is None
    with pytest.raises(UsageError, match=r"model\.checkpoint is needed"):
        reviewing.plan(WizardState())


def test_what_is_not_there_is_told_at_its_setting_and_keeps_the_run_from_starting(tmp_path: Path) -> None:
    state = ready(**{"adapter.targets_from": str(tmp_path / "gone.json"), "data.more_tensors": [str(tmp_path), "/no"]})
    assert state.conflicts() == {
        "data.more_tensors": "there is nothing at /no",
        "adapter.targets_from": f"there is nothing at {tmp_path / 'gone.json'}",
    }
    conditions = {line.title: line.condition for line in state.step_lines()}
    assert (conditions["Adapter"], conditions["Optimizer"]) == ("wrong", "done")
    assert reviewing.obstacle(state) == "data.more_tensors: there is nothing at /no"
    (tmp_path / "gone.json").touch()
    state.document = state.document.set_all({"data.more_tensors": [str(tmp_path)]})
    assert reviewing.obstacle(state) is None


def test_layers_that_the_model_does_not_have_are_told() -> None:
    state = ready(**{"adapter.targets.layers": "0-23"})
    assert state.conflicts() == {}
    state.document = state.document.set_all({"adapter.targets.layers": "20-24"})
    assert state.conflicts() == {"adapter.targets.layers": "the model has 24 layers, counted from 0: there is no 24"}
    state.model = None
    assert state.conflicts() == {}, "without a model nobody knows"


def test_what_needs_a_card_or_a_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidestep_tui.tui.wizard.conflicts.has_bitsandbytes", lambda: False)
    state = ready(**{"optimizer.name": "adamw8bit", "memory.weights": "nf4"})
    assert list(state.conflicts()) == ["optimizer.name", "memory.weights"]
    assert all("sidestep-tui[8bit]" in message for message in state.conflicts().values())
    monkeypatch.setattr("sidestep_tui.tui.wizard.conflicts.has_bitsandbytes", lambda: True)
    assert state.conflicts() == {}
    state.cards = ()
    assert state.conflicts() == {"optimizer.name": "8-bit AdamW runs on CUDA cards only"}


def test_the_review_says_what_the_model_decides_and_why() -> None:
    state = ready()
    facts = model_facts(
        {"variant": "turbo", "layout": "original", "is_xl": False, "dit_parameters": 1}, {"timestep_mu": -0.7}
    )
    state.model = facts
    chosen = reviewing.review(state).chosen
    assert str(chosen["objective.timestep_mu"]) == "-0.7, the law that the checkpoint was trained with"
    assert "samples.steps" not in chosen
    state.document = state.document.set_all({"samples.every_epochs": 10, "objective.timestep_mu": 0.1})
    chosen = reviewing.review(state).chosen
    assert str(chosen["samples.steps"]) == "8, as turbo is sampled"
    assert "objective.timestep_mu" not in chosen
    state.model = model_facts({"variant": "new", "layout": "original", "is_xl": False}, {})
    assert reviewing.review(state).chosen == {}


def test_steps_of_the_run_count_songs_held_out_and_the_last_smaller_group() -> None:
    assert optimizer_steps(13, 10, 1, 4) == 10 * 4
    assert optimizer_steps(3, 10, 1, 1) == 30
    assert optimizer_steps(9, 2, 2, 2) == 2 * 3
    assert ready(**{"training.epochs": 10, "training.processes": 2}).optimizer_steps() == 70
    assert ready(**{"training.epochs": 10}).optimizer_steps() == 130
    assert ready(**{"training.epochs": 10, "training.max_steps": 7}).optimizer_steps() == 7
    assert WizardState().optimizer_steps() == 0


@pytest.mark.parametrize(
    ("data", "asked", "samples"),
    [
        (DataFacts("tensors", 14), 1, 13),
        (DataFacts("tensors", 3), 1, 3),
        (DataFacts("tensors", 6), 50, 3),
        (DataFacts("tensors", 3, held_out=1), 5, 2),
        (DataFacts("tensors", 6, held_out=2, samples=14), 1, 14),
        (DataFacts("tensors", 6, samples=18), 2, 12),
    ],
)
def test_an_epoch_has_the_samples_that_the_engine_would_train_on(data: DataFacts, asked: int, samples: int) -> None:
    assert data.trained(asked) == samples


def test_settings_that_the_variant_does_not_heed_are_not_shown() -> None:
    state = ready(**{"samples.every_epochs": 5})
    state.advanced = True

    def shown() -> list[str]:
        return [field.path for step in state.steps() for field in step.fields]

    assert "samples.guidance_scale" not in shown()
    assert "samples.guidance_scale" not in [field.path for field in state.search("guidance")]
    state.model = model_facts({"variant": "sft", "layout": "original", "is_xl": False}, {})
    assert "samples.guidance_scale" in shown()
    state.document = state.document.set_all({"samples.guidance_scale": 5.0})
    state.model = FACTS
    assert "samples.guidance_scale" in shown(), "what was edited is not hidden"
    state.model = None
    assert "samples.guidance_scale" in [field.path for field in state.search("guidance")]


def test_samples_are_switched_in_the_review() -> None:
    state = ready(**{"checkpoints.every_epochs": 25})
    notes = {action.key: action.note for action in reviewing.review(state).actions}
    assert notes["samples"].startswith("off")
    reviewing.switch_samples(state)
    assert reviewing.plan(state).train.samples.every_epochs == 25
    notes = {action.key: action.note for action in reviewing.review(state).actions}
    assert notes["samples"] == "to songs every 25 epochs"
    assert reviewing.review(state).commands[-1].startswith("sidestep listen ")
    reviewing.switch_samples(state)
    assert reviewing.plan(state).train.samples.every_epochs is None


def test_only_adapters_with_ranks_can_be_measured_for_first() -> None:
    state = ready()
    assert "measure" in [action.key for action in reviewing.review(state).actions]
    state.measure_first = True
    view = reviewing.review(state)
    assert view.actions[0].name == "Measure, then train"
    assert [command.split()[1] for command in view.commands] == ["estimate", "train"]
    assert "--adapter.targets_from /t/sensitivity.json" in view.commands[1]
    state.document = state.document.set_all({"adapter.family": "lokr"})
    assert "measure" not in [action.key for action in reviewing.review(state).actions]
    assert [job for job, _ in reviewing.plan(state).jobs] == ["train"]
