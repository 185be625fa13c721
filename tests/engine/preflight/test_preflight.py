"""A preflight through the engine's door: what it tells, what it remembers, and that it leaves nothing else."""

import json
import statistics
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from sidestep_tui.config.fields import put
from sidestep_tui.config.preflight import PreflightSettings
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.memory.peak import PeakMemory
from sidestep_tui.engine.preflight.disk import disk_needed
from sidestep_tui.engine.training import gradients, trainable_model
from sidestep_tui.engine.training.optimizer import build_optimizer
from sidestep_tui.runs.events import RunCompleted, StepCompleted
from sidestep_tui.runs.log import read_events
from sidestep_tui.runs.measured import CPU, TABLE, Measured, recall
from tests.engine.conftest import Engine


def _files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_it_measures_what_a_run_takes_and_leaves_nothing_behind(
    engine: Engine, train_document: dict[str, Any], songs: Path
) -> None:
    before = _files(songs)
    run, state = engine.run("preflight", "preflight", train_document)
    results = state.results
    assert _files(songs) == before
    kept = {".lock", ".devices.json", "commands", "config.json", "events.jsonl", TABLE}
    assert {entry.name for entry in run.path.iterdir()} == kept
    assert (results["fits"], results["checkpointing"], results["steps"]) == ("yes", "all", 8)
    peak, free = int(results["peak_bytes"] or 0), int(results["free_bytes"] or 0)
    assert 50 * 1024**2 < peak < free
    assert results["seconds_in_all"] == pytest.approx(8 * float(results["seconds_per_step"] or 0))

    trained, _ = engine.run("real", "train", train_document)
    steps = [event.seconds for event in read_events(trained.events_file) if isinstance(event, StepCompleted)]
    real = statistics.median(steps[1:])
    assert real / 5 < float(results["seconds_per_step"] or 0) < real * 5
    on_disk = sum(len(data) for name, data in _files(trained.path).items() if "events" not in name)
    needed = int(results["disk_bytes"] or 0)
    assert on_disk / 3 < needed < on_disk * 3


def test_the_longest_songs_are_measured_with_their_conditions(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, int]] = []
    accumulate = gradients.accumulate_gradients

    def seen(transformer: Any, parameters: Any, share: Any, *further: Any) -> Any:
        shapes.extend((batch.x0.shape[1], batch.condition.shape[1]) for batch in share.batches)
        return accumulate(transformer, parameters, share, *further)

    monkeypatch.setattr(gradients, "accumulate_gradients", seen)
    document = put(put(train_document, "objective.condition_dropout", 1.0), "validation.songs", 0)
    engine.run("preflight", "preflight", document)
    assert shapes[:2] == [(75, 10), (50, 11)]  # the longest song; the longest condition
    shapes.clear()
    engine.run("several", "preflight", put(document, "training.batch_size", 2))
    assert shapes[0] == (75, 11)
    shapes.clear()
    engine.run("cropped", "preflight", put(document, "data.crop_seconds", 1.0))
    assert shapes[0] == (25, 11)


def test_a_measurement_is_found_again_by_what_matters(engine: Engine, train_document: dict[str, Any]) -> None:
    settings = TrainSettings.model_validate(train_document)
    assert recall(settings, CPU) is None
    run, state = engine.run("preflight", "preflight", train_document)
    known = recall(settings, CPU)
    assert known is not None
    assert [known] == [Measured(**entry) for entry in json.loads((run.path / TABLE).read_text("utf-8"))]
    assert known.seconds == state.results["seconds_per_step"]
    for path, value in (("optimizer.learning_rate", 0.5), ("training.epochs", 9), ("adapter.alpha", 3)):
        assert recall(TrainSettings.model_validate(put(train_document, path, value)), CPU) == known
    for path, other in (("adapter.rank", 8), ("memory.checkpointing", "none"), ("training.batch_size", 2)):
        assert recall(TrainSettings.model_validate(put(train_document, path, other)), CPU) is None
    assert recall(settings, "NVIDIA L4") is None


def test_a_measurement_of_other_songs_does_not_count(
    engine: Engine, train_document: dict[str, Any], songs: Path
) -> None:
    engine.run("preflight", "preflight", train_document)
    manifest = json.loads((songs / "manifest.json").read_text("utf-8"))
    manifest["songs"] = manifest["songs"][1:]
    (songs / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    assert recall(TrainSettings.model_validate(train_document), CPU) is None


@pytest.fixture
def needs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Makes every checkpointing policy but those in `fitting` run out of memory."""
    state: dict[str, Any] = {"fitting": set(), "tried": []}
    use, accumulate = trainable_model.use_checkpointing, gradients.accumulate_gradients

    def chosen(transformer: Any, policy: Any, **named: Any) -> None:
        state["tried"].append(policy)
        use(transformer, policy, **named)

    def limited(*arguments: Any) -> Any:
        if state["tried"][-1] not in state["fitting"]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. More words.")
        return accumulate(*arguments)

    monkeypatch.setattr(trainable_model, "use_checkpointing", chosen)
    monkeypatch.setattr(gradients, "accumulate_gradients", limited)
    return state


def test_policies_are_tried_from_the_fastest_until_one_fits(
    engine: Engine, train_document: dict[str, Any], needs: dict[str, Any]
) -> None:
    needs["fitting"] = {"half", "all"}
    document = put(train_document, "preflight.policies", "fit")
    run, state = engine.run("preflight", "preflight", document)
    assert needs["tried"] == ["none", "half"]
    assert state.results["checkpointing"] == "half"
    table = json.loads((run.path / TABLE).read_text("utf-8"))
    assert [(entry["checkpointing"], entry["fits"]) for entry in table] == [("none", False), ("half", True)]
    settings = PreflightSettings.model_validate(document).training_run()
    for policy, fits in (("none", False), ("half", True)):
        memory = settings.memory.model_copy(update={"checkpointing": policy})
        known = recall(settings.model_copy(update={"memory": memory}), CPU)
        assert known is not None
        assert known.fits == fits


def test_a_memory_that_does_not_suffice_is_told_with_what_saves_most(
    engine: Engine, train_document: dict[str, Any], needs: dict[str, Any]
) -> None:
    document = put(put(train_document, "memory.checkpointing", "none"), "adapter.rank", 32)
    run = engine.create("preflight", "preflight", document)
    code, state = engine.work(run)
    assert code == 1
    assert state.failure is not None
    assert "memory does not suffice for 3 s of song" in state.failure.what
    assert state.failure.fix.count("saves about") == 3


@pytest.mark.parametrize(("peak", "answer"), [(949, "yes"), (951, "barely")])
def test_a_margin_of_the_memory_must_stay_free(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch, peak: int, answer: str
) -> None:
    class Watch:
        def __init__(self, _device: torch.device) -> None:
            self.free, self.peak = 1000, peak

    monkeypatch.setattr("sidestep_tui.engine.preflight.job.PeakMemory", Watch)
    _, state = engine.run("preflight", "preflight", put(train_document, "preflight.steps", 2))
    assert (state.results["fits"], state.results["peak_bytes"]) == (answer, peak)


def test_it_can_be_stopped(engine: Engine, train_document: dict[str, Any]) -> None:
    run = engine.create("preflight", "preflight", train_document)
    (run.commands / "1-stop.json").write_text(json.dumps({"command": "stop", "arguments": {}}))
    code, state = engine.work(run)
    assert (code, state.status) == (0, "stopped")
    assert recall(TrainSettings.model_validate(train_document), CPU) is None
    assert not any(isinstance(event, RunCompleted) for event in read_events(run.events_file))


def test_several_processes_measure_one_policy(engine: Engine, train_document: dict[str, Any]) -> None:
    from sidestep_tui.engine.context import JobContext
    from sidestep_tui.engine.preflight import job as preflight
    from sidestep_tui.errors import UsageError

    document = put(put(train_document, "preflight.policies", "fit"), "training.processes", 2)
    run = engine.create("preflight", "preflight", document)
    with pytest.raises(UsageError, match="one policy"):
        preflight.run(JobContext(run, None), PreflightSettings.model_validate(document))


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
def test_a_kernel_that_cannot_set_its_mark_back_gives_that_of_the_whole_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(path: Path, *_: Any, **__: Any) -> int:
        raise FileNotFoundError(2, "there is no such file", str(path))

    monkeypatch.setattr(Path, "write_text", refuse)
    assert PeakMemory(torch.device("cpu")).peak >= 50 * 1024**2


def test_a_state_that_its_library_wraps_when_it_is_saved_takes_disk_too(train_document: dict[str, Any]) -> None:
    """As bitsandbytes 0.50 does, so that FSDP passes over its packed tensors."""
    settings = TrainSettings.model_validate(put(train_document, "validation.songs", 0))
    parameter, packed = torch.nn.Parameter(torch.zeros(1000)), torch.zeros(1000, dtype=torch.uint8)
    optimizer = SimpleNamespace(
        state={parameter: {"step": 1, "state1": packed}},
        state_dict=lambda: {"state": {0: {"step": 1, "wrapped": {"state1": packed}}}},
    )
    model = SimpleNamespace(parameters={"lora_A": parameter}, optimizer=optimizer, average=None)
    songs = SimpleNamespace(split=SimpleNamespace(validation=()))
    setup: Any = SimpleNamespace(songs=songs, model=model, samples=())
    plan: Any = SimpleNamespace(total_steps=8, steps_per_epoch=4)
    assert disk_needed(settings, setup, plan) == 4 * (4000 + 1000) + 4000


def test_weights_that_are_trained_on_beside_those_that_answer_take_disk_too(train_document: dict[str, Any]) -> None:
    document = put(put(train_document, "validation.songs", 0), "optimizer.name", "schedule_free")
    settings = TrainSettings.model_validate(document)
    parameter = torch.nn.Parameter(torch.zeros(1000))
    optimizer = build_optimizer({"lora_A": parameter}, settings.optimizer, settings.adapter)
    parameter.grad = torch.ones(1000)
    optimizer.step()
    model = SimpleNamespace(parameters={"lora_A": parameter}, optimizer=optimizer, average=None)
    songs = SimpleNamespace(split=SimpleNamespace(validation=()))
    setup: Any = SimpleNamespace(songs=songs, model=model, samples=())
    plan: Any = SimpleNamespace(total_steps=8, steps_per_epoch=4)
    answering, trained_on, state = 4000, 4000, 8000
    assert disk_needed(settings, setup, plan) == 4 * (answering + trained_on + state) + answering
