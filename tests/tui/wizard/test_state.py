"""What the wizard knows without a screen: memory, steps, obstacles, plans, facts about folders, what is remembered."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sidestep_tui.config.dit_shape import SHAPE_2B, SHAPE_XL
from sidestep_tui.config.memory import GIB
from sidestep_tui.config.memory_load import Load
from sidestep_tui.config.places import data_home, runs_home
from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.tui.wizard import reviewing
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.facts import (
    DataFacts,
    inspect_model,
    look_at_songs,
    model_facts,
    optimizer_steps,
    recommended_epochs,
)
from sidestep_tui.tui.wizard.paths import complete_folder
from sidestep_tui.tui.wizard.start import (
    free_path,
    plan_start,
    remember,
    remembered,
    run_path,
    suggest_name,
    tensors_for,
)
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
    installed = {"bitsandbytes": None}
    monkeypatch.setattr("sidestep_tui.tui.wizard.conflicts.find_spec", installed.get)
    state = ready(**{"optimizer.name": "adamw8bit", "memory.weights": "nf4"})
    assert list(state.conflicts()) == ["optimizer.name", "memory.weights"]
    assert all("sidestep-tui[8bit]" in message for message in state.conflicts().values())
    installed["bitsandbytes"] = "here"
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
    assert optimizer_steps(14, 1, 10, 1, 4) == 10 * 4
    assert optimizer_steps(3, 1, 10, 1, 1) == 30
    assert optimizer_steps(9, 0, 2, 2, 2) == 2 * 3
    assert ready(**{"training.epochs": 10}).optimizer_steps() == 130
    assert ready(**{"training.epochs": 10, "training.max_steps": 7}).optimizer_steps() == 7
    assert WizardState().optimizer_steps() == 0


def test_steps_of_the_run_follow_the_songs_that_the_data_set_holds_out(tmp_path: Path) -> None:
    manifest = {"songs": [{"frames": 50, "condition_tokens": 9, "held_out": number < 4} for number in range(14)]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert look_at_songs(tmp_path).held_out == 4


def test_recommended_epochs_fall_with_the_number_of_songs() -> None:
    assert [recommended_epochs(songs) for songs in (1, 10, 20, 100, 5000)] == [1000, 800, 800, 500, 200]
    values = [recommended_epochs(songs) for songs in range(1, 600)]
    assert values == sorted(values, reverse=True)


def test_a_plan_for_songs_encodes_them_first(tmp_path: Path) -> None:
    document = {"model": {"checkpoint": "/m"}, "data": {"tensors": "/ignored"}}
    plan = plan_start(document, "mine", tmp_path / "my songs")
    assert plan.preprocess is not None
    assert plan.preprocess.output == plan.train.data.tensors == tensors_for(tmp_path / "my songs")
    assert plan.output == runs_home() / "mine"
    assert plan_start(document, "mine", None).train.data.tensors == Path("/ignored")


def test_measuring_first_puts_an_estimate_before_the_training(tmp_path: Path) -> None:
    document = {"model": {"checkpoint": "/m"}, "data": {"tensors": "/t"}, "adapter": {"rank": 8}}
    plan = plan_start(document, "mine", tmp_path / "songs", measure_first=True)
    assert [job for job, _ in plan.jobs] == ["preprocess", "estimate", "train"]
    assert plan.estimate is not None
    assert plan.preprocess is not None
    assert plan.estimate.tensors == plan.preprocess.output
    assert plan.estimate.rank == 8
    assert plan.train.adapter.targets_from == plan.estimate.output == plan.estimate.tensors / "sensitivity.json"
    assert [job for job, _ in plan_start(document, "mine", None).jobs] == ["train"]


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


def test_a_taken_name_is_refused_and_a_free_one_suggested() -> None:
    taken = runs_home() / "album-lora"
    taken.mkdir(parents=True)
    assert suggest_name(Path("/data/album"), "lora") == "album-lora-2"
    assert free_path(runs_home() / "new").name == "new"
    document = {"model": {"checkpoint": "/m"}, "data": {"tensors": "/t"}}
    with pytest.raises(UsageError, match="a run with this name"):
        plan_start(document, "album-lora", None)
    with pytest.raises(UsageError, match="needs a name"):
        run_path("  ")
    assert run_path("/else/where") == Path("/else/where")


@pytest.mark.parametrize(
    ("songs", "name"),
    [
        ("/data/album", "album"),
        ("/data/album/dataset.json", "album"),
        ("/data/lists/best of.json", "best-of"),
        ("/data/vol. 1.5", "vol.-1.5"),
        ("/dataset.json", "songs"),
    ],
)
def test_runs_and_tensors_are_called_after_the_songs(songs: str, name: str) -> None:
    assert suggest_name(Path(songs), "lora") == f"{name}-lora"
    assert suggest_name(tensors_for(Path(songs)), "lora") == f"{name}-lora"


def test_folders_of_one_name_keep_their_tensors_apart() -> None:
    """Encoding a data set removes the tensors of songs that it does not have."""
    mine, yours = Path("/mine/dataset"), Path("/yours/dataset")
    assert tensors_for(mine) != tensors_for(yours)
    assert tensors_for(mine) == tensors_for(mine / "dataset.json")
    assert tensors_for(mine).is_relative_to(data_home() / "tensors")


def test_choices_are_remembered_while_their_folders_exist(tmp_path: Path) -> None:
    assert remembered() == {}
    remember({"model.checkpoint": str(tmp_path), "data.tensors": "/gone", "adapter.rank": "8"})
    assert remembered() == {"model.checkpoint": str(tmp_path)}


def test_folders_tell_what_they_hold(tmp_path: Path) -> None:
    assert look_at_songs(tmp_path / "none").kind == "missing"
    assert look_at_songs(tmp_path).kind == "empty"
    (tmp_path / "a.mp3").touch()
    (tmp_path / "b.flac").touch()
    assert (look_at_songs(tmp_path).kind, look_at_songs(tmp_path).songs) == ("songs", 2)
    songs = [{"frames": 500, "condition_tokens": 30}, {"frames": 900, "condition_tokens": 20}]
    (tmp_path / "manifest.json").write_text(json.dumps({"songs": songs}), encoding="utf-8")
    facts = look_at_songs(tmp_path)
    assert (facts.kind, facts.songs, facts.load, facts.longest_seconds) == ("tensors", 2, Load(900, 30), 36.0)
    saved = tmp_path / "set.json"
    saved.write_text(json.dumps({"samples": [{"audio_path": f"{n}.mp3"} for n in range(3)]}), encoding="utf-8")
    assert (look_at_songs(saved).kind, look_at_songs(saved).songs) == ("songs", 3)


def answer(monkeypatch: pytest.MonkeyPatch, out: str, error: str = "") -> list[list[str]]:
    calls: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        return subprocess.CompletedProcess(command, 0, out, error)

    monkeypatch.setattr("sidestep_tui.tui.wizard.programs.subprocess.run", run)
    return calls


def test_the_model_is_looked_at_by_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    document = {"variant": "sft", "layout": "diffusers", "is_xl": False, "dit_parameters": 1575458880, "missing": []}
    calls = answer(monkeypatch, json.dumps(document))
    facts = inspect_model(tmp_path, "sft")
    assert (facts.title, facts.incomplete) == ("sft · 2B · diffusers layout", "")
    assert calls[0][1:] == [
        "-m",
        "sidestep_tui.cli.main",
        "models",
        "inspect",
        str(tmp_path),
        "--base",
        "sft",
        "--json",
    ]


def test_an_incomplete_model_says_what_is_missing() -> None:
    document = {"variant": "sft", "layout": "original", "is_xl": False, "missing": [{"error": "No VAE."}]}
    assert model_facts(document, {}).incomplete == "No VAE."


@pytest.mark.parametrize(
    ("stderr", "what"),
    [
        ('{"error": "This is no model.", "where": "x", "fix": "y"}\n', "This is no model."),
        ("Traceback\nImportError: no such thing", "ImportError: no such thing"),
        ("", "The command gave no answer."),
    ],
)
def test_the_words_of_the_command_are_passed_on(
    stderr: str, what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer(monkeypatch, "", stderr)
    with pytest.raises(SidestepError) as caught:
        inspect_model(tmp_path)
    assert caught.value.what == what


def test_a_model_of_another_size_is_told_in_parameters() -> None:
    document = {"variant": "turbo", "layout": "original", "is_xl": False, "dit_parameters": 327_552}
    assert model_facts(document, {}).title == "turbo · 0.33 M parameters · original layout"


def test_folder_names_are_completed(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "mu.txt").touch()
    assert complete_folder(f"{tmp_path}/mu") == f"{tmp_path}/music/"
    assert complete_folder(f"{tmp_path}/.h") == f"{tmp_path}/.hidden/"
    assert complete_folder(f"{tmp_path}/x") is None
    assert complete_folder("/no such folder/x") is None
    assert complete_folder("") is None
