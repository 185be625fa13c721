"""What the wizard lets through, the engine takes: documents of random edits are planned, started and trained on."""

import json
import shutil
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from sidestep_tui.config.fields import SettingField, put
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.tui.wizard import reviewing
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.facts import look_at_songs, model_facts
from sidestep_tui.tui.wizard.schema import fields_of
from sidestep_tui.tui.wizard.state import WizardState
from sidestep_tui.tui.wizard.values import parse_value
from tests.engine.conftest import Engine
from tests.tui.wizard.test_document import typed_text

_LEFT_ALONE: Final = (
    *("model.checkpoint", "model.base", "model.device", "data.tensors"),
    *("data.more_tensors", "adapter.targets_from", "adapter.start_from"),  # what stands there must exist
    *("training.processes", "training.sharding"),  # other processes: tests/engine/test_ranks.py
)
_SHORT: Final = {
    "training.epochs": 1, "training.max_steps": 1, "training.batch_size": 1, "training.gradient_accumulation": 1,
    "validation.draws": 1, "samples.duration": 1.0, "samples.songs": 1, "samples.steps": 1,
    "objective.prior_seconds": 1.0, "objective.prior_every": 1,
}  # fmt: skip
_THREE_STEPS: Final = {
    "training.epochs": 3, "training.max_steps": 3, "training.gradient_accumulation": 3, "training.target_loss": None,
    "checkpoints.every_steps": 1, "checkpoints.keep_last": 3, "validation.patience": None,
}  # fmt: skip
_EDITS: Final = st.lists(
    st.sampled_from([f for f in fields_of(WizardDocument().schema) if f.path not in _LEFT_ALONE]).flatmap(
        lambda field: st.tuples(st.just(field), typed_text(field))
    ),
    min_size=1,
    max_size=10,
)


def edited(state: WizardState, edits: list[tuple[SettingField, str]]) -> None:
    """Types the edits one after another, and takes back what the wizard would not start with."""
    for field, text in edits:
        if field in state.document.applicable:
            before = state.document
            state.document = before.edit(field, parse_value(field, text))
            if reviewing.obstacle(state) is not None:
                state.document = before
    state.document = state.document.set_all(_SHORT)


def planned(turbo: Path, songs: Path, edits: list[tuple[SettingField, str]]) -> TrainSettings:
    """What the wizard would start after these edits."""
    places = {"model.checkpoint": str(turbo), "data.tensors": str(songs), "model.device": "cpu"}
    config = json.loads((turbo / "config.json").read_text(encoding="utf-8"))
    facts = model_facts({"variant": "turbo", "layout": "original", "is_xl": False}, config)
    state = WizardState(WizardDocument().set_all(places), model=facts, data=look_at_songs(songs))
    edited(state, edits)
    return reviewing.plan(state).train


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=_EDITS)
def test_every_document_that_can_be_started_is_trained_on(
    engine: Engine, turbo: Path, songs: Path, edits: list[tuple[SettingField, str]]
) -> None:
    train = planned(turbo, songs, edits)
    code, run = engine.work(engine.create(uuid4().hex, "train", train.model_dump()))
    assert (run.failure, code, run.step) == (None, 0, 1)


@pytest.mark.slow
@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=_EDITS)
def test_every_run_goes_on_to_the_same_bits(
    engine: Engine, turbo: Path, songs: Path, edits: list[tuple[SettingField, str]]
) -> None:
    """Cut off after any step of three; an epoch ends within them."""
    document = planned(turbo, songs, edits).model_dump()
    for path, value in _THREE_STEPS.items():
        document = put(document, path, value)
    whole, _ = engine.run(uuid4().hex, "train", document)
    for last in (1, 2):
        run = engine.create(uuid4().hex, "train", document)
        shutil.copytree(whole.checkpoints / f"step-{last:08d}", run.checkpoints / f"step-{last:08d}")
        code, state = engine.work(run)
        assert (state.failure, code, state.step) == (None, 0, 3)
        for file in sorted(whole.path.glob("final*/adapter_model.safetensors")):
            wanted, found = load_file(file), load_file(run.path / file.relative_to(whole.path))
            assert {name for name in wanted if not torch.equal(wanted[name], found[name])} == set(), f"after {last}"


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("adapter.targets.layers", "0-1,4", "the model has 4 layers, counted from 0: there is no 4"),
        ("adapter.targets.modules", ["layers.0.q"], "the model has no module layers.0.q; "),
        ("adapter.targets.modules", [], "no module is targeted"),
    ],
)
def test_what_the_model_does_not_have_is_told_before_the_start_as_the_engine_would(
    path: str, value: Any, told: str, engine: Engine, turbo: Path, songs: Path
) -> None:
    config = json.loads((turbo / "config.json").read_text(encoding="utf-8"))
    facts = model_facts({"variant": "turbo", "layout": "original", "is_xl": False}, config)
    places = {"model.checkpoint": str(turbo), "data.tensors": str(songs), "model.device": "cpu", path: value}
    state = WizardState(WizardDocument().set_all(places), model=facts, data=look_at_songs(songs))
    assert state.document.ready()
    assert (reviewing.obstacle(state) or "").startswith(f"{path.removesuffix('.layers')}")
    assert told in (reviewing.obstacle(state) or "")
    code, run = engine.work(engine.create("refused", "train", state.document.document))
    assert code != 0
    assert run.failure is not None
    assert run.failure.where.startswith("adapter.targets")
