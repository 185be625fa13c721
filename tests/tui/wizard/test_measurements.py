"""Figures of a preflight, or of an earlier run with the same settings, take the place of the wizard's estimates."""

import json
import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sidestep_tui.config.memory.estimate import GIB, RESERVE_BYTES
from sidestep_tui.config.memory.load import Load
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.measured import CPU, Measured, remember
from sidestep_tui.tui.wizard import reviewing
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.facts import DataFacts
from sidestep_tui.tui.wizard.measurements import card_of, figures_of_runs
from sidestep_tui.tui.wizard.state import WizardState
from sidestep_tui.tui.wizard.views import MemoryView, amount, source, time_words

from ..conftest import MakeRun
from .conftest import FACTS, card

L4 = "NVIDIA L4"


@pytest.fixture
def tensors(tmp_path: Path) -> Path:
    songs = [{"frames": 5800, "condition_tokens": 400} for _ in range(14)]
    (tmp_path / "manifest.json").write_text(json.dumps({"model": "turbo", "songs": songs}), encoding="utf-8")
    return tmp_path


def state_for(tensors: Path, free: int = 8 * GIB, **values: Any) -> WizardState:
    document = WizardDocument().set_all({"model.checkpoint": "/m", "data.tensors": str(tensors), **values})
    return WizardState(
        document, model=FACTS, data=DataFacts("tensors", 14, Load(5800, 400), 232.0), cards=(card(free),)
    )


def memory_of(state: WizardState) -> MemoryView:
    view = state.memory()
    assert view is not None
    return view


def measure(state: WizardState, card: str = L4, **figures: Any) -> None:
    values = {"checkpointing": "all", "fits": True, "free_bytes": 8 * GIB, **figures}
    remember(state.document.settings(), card, Measured(**values))


def test_without_a_measurement_the_figures_are_called_estimates(tensors: Path) -> None:
    state = state_for(tensors)
    view = memory_of(state)
    assert not view.measured
    assert amount(view).endswith(" GiB estimated")
    assert source(view) == ""
    assert time_words(reviewing.review(state)) == "1 300 steps; how long is not measured with these settings"


def test_a_preflight_of_these_settings_on_this_card_counts_instead(tensors: Path) -> None:
    state = state_for(tensors)
    estimated = memory_of(state).memory.total
    measure(state, peak_bytes=4 * GIB, seconds=0.5)
    view = memory_of(state)
    assert view.total == 4 * GIB + RESERVE_BYTES
    assert view.parts() == (("measured", 4 * GIB), ("sampling", 0), ("reserve", RESERVE_BYTES))
    assert amount(view) == "4.7 GiB measured"
    assert source(view) == f"by a preflight (estimated: {estimated / GIB:.1f})"
    words = time_words(reviewing.review(state))
    assert words == "1 300 steps, about 10 min 50 s at 0.5 s a step, measured by a preflight"
    state.document = state.document.set_all({"adapter.rank": 8})
    assert not memory_of(state).measured
    state.document = state.document.set_all({"adapter.rank": 64, "training.seed": 9})
    assert memory_of(state).measured
    state.cards = (card(8 * GIB, "NVIDIA H100"),)
    assert not memory_of(state).measured


def test_a_measurement_decides_whether_it_fits_and_what_would(tensors: Path) -> None:
    state = state_for(tensors, free=8 * GIB)
    assert memory_of(state).fits
    measure(state, peak_bytes=10 * GIB, seconds=0.5, fits=False)
    view = memory_of(state)
    assert not view.fits
    assert view.change is not None
    # The change must save what was measured, not what was estimated.
    assert view.memory.total - view.change.memory.total >= view.total - 8 * GIB
    assert state.make_it_fit()
    assert not memory_of(state).measured


def test_a_preflight_that_ran_out_of_memory_says_that_more_is_needed(tensors: Path) -> None:
    state = state_for(tensors, free=8 * GIB)
    measure(state, fits=False, free_bytes=7 * GIB + GIB // 2, problem="full")
    view = memory_of(state)
    assert not view.fits
    assert amount(view) == "over 8.2 GiB measured"
    assert "not measured" in time_words(reviewing.review(state))
    state.cards = (card(24 * GIB),)
    assert memory_of(state).fits


def test_a_machine_without_a_card_has_measurements_of_its_own(tensors: Path) -> None:
    state = state_for(tensors)
    state.cards = ()
    measure(state, card=CPU, peak_bytes=2 * GIB, seconds=4.0)
    view = memory_of(state)
    assert (view.total, view.free) == (2 * GIB, None)
    state.document = state.document.set_all({"samples.every_epochs": 5, "samples.duration": 600.0})
    assert memory_of(state).total == 2 * GIB, "what samples would take on a card says nothing about a processor"
    assert "4 s a step" in time_words(reviewing.review(state))


def events(device: str, host: str) -> list[ev.Event]:
    steps = [
        ev.StepCompleted(
            step=n, epoch=0, loss=1.0, gradient_norm=1.0, learning_rate=1e-4, seconds=0.2, data_seconds=0.0
        )
        for n in range(1, 30)
    ]
    memory = ev.DeviceSampled(process_bytes=GIB, peak_bytes=5 * GIB)
    return [ev.RunStarted(job="train", pid=1, host=host, device=device, version="0.1.0"), *steps, memory]


def test_a_run_with_the_same_settings_counts_where_there_was_no_preflight(tensors: Path, make_run: MakeRun) -> None:
    state = state_for(tensors)
    settings = state.document.settings()
    make_run("earlier", events=events("cuda:0", platform.node()), settings=settings, gap=0.25)
    make_run("elsewhere", events=events("cuda:0", "another-box"), settings=settings, start=1.0)
    make_run("on-the-processor", events=events("cpu", platform.node()), settings=settings, start=1.0)
    state.runs = figures_of_runs(state.cards)
    view = memory_of(state)
    assert view.total == 5 * GIB + RESERVE_BYTES
    assert source(view).startswith("by earlier (")
    words = time_words(reviewing.review(state))
    assert words == "1 300 steps, about 5 min 25 s at 0.25 s a step, measured by earlier with these settings"
    state.document = state.document.set_all({"memory.checkpointing": "half"})
    assert state.figures() is None


@pytest.mark.parametrize("text", ['{"samples": ["a.pt"]}', "[]", "{", '{"songs": [], "model": "m"}'])
def test_tensors_of_another_tool_have_no_measurements(text: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    state = state_for(tmp_path)
    measure(state, peak_bytes=4 * GIB)
    assert state.figures() is None


def test_samples_stay_an_estimate_where_a_preflight_measured_steps_alone(tensors: Path) -> None:
    state = state_for(tensors, free=24 * GIB, **{"samples.every_epochs": 5, "samples.duration": 600.0})
    measure(state, peak_bytes=4 * GIB, seconds=0.5)
    view = memory_of(state)
    assert view.total == view.memory.sampling > 4 * GIB + RESERVE_BYTES
    assert dict(view.parts())["measured"] == 4 * GIB
    assert amount(view) == f"≈ {view.total / GIB:.1f} GiB, its steps measured"
    assert sum(size for _, size in view.parts()) == view.total


def test_a_run_uses_the_card_with_most_memory_or_the_one_that_it_names() -> None:
    cards = tuple(replace(card(GIB), index=index, memory_total=total * GIB) for index, total in enumerate((4, 24, 24)))
    assert card_of("auto", cards) == card_of("cuda", cards) == cards[1]
    assert card_of("cuda:0", cards) == cards[0]
    assert card_of("cuda:3", cards) is None
    assert card_of("cpu", cards) is None
    assert card_of("auto", ()) is None
