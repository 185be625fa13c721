"""Two processes on one run give the adapter that one process gives with twice the accumulation."""

import json
import subprocess
import sys
import time
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file

from sidestep_tui.config.fields import put
from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import StepCompleted
from sidestep_tui.runs.log import read_events
from sidestep_tui.runs.measured import TABLE
from sidestep_tui.runs.state import replay
from tests.engine.conftest import Engine
from tests.engine.ranks_of import hold_a_gigabyte, meet_an_error, memory_full_once, memory_full_twice, work_as_torchrun


def _weights(run: RunDirectory) -> dict[str, torch.Tensor]:
    return load_file(run.final / "adapter_model.safetensors")


@pytest.mark.slow
def test_two_ranks_equal_one_with_twice_the_accumulation(engine: Engine, train_document: dict[str, Any]) -> None:
    # Five songs: the last step of an epoch has one micro-batch, and the second rank none.
    document = put(put(train_document, "validation.songs", 0), "adapter.dropout", 0.1)
    alone, _ = engine.run("alone", "train", put(document, "training.gradient_accumulation", 2))
    shared = engine.create("shared", "train", put(document, "training.processes", 2))
    finished = subprocess.run(
        [sys.executable, "-m", "sidestep_tui.engine", str(shared.path)], capture_output=True, timeout=240, check=False
    )
    assert finished.returncode == 0, finished.stderr.decode()[-2000:]
    ours, theirs = _weights(shared), _weights(alone)
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        torch.testing.assert_close(ours[key], value, atol=1e-6, rtol=0)
    steps = [
        [(e.step, e.timesteps) for e in read_events(run.events_file) if isinstance(e, StepCompleted)]
        for run in (shared, alone)
    ]
    assert steps[0] == steps[1]


@pytest.mark.slow
def test_a_preflight_of_two_ranks_tells_the_memory_of_the_one_with_least_to_spare(
    engine: Engine, train_document: dict[str, Any]
) -> None:
    document = put(put(train_document, "training.processes", 2), "validation.songs", 0)
    run = engine.create("preflight", "preflight", document)
    codes, state = work_as_torchrun(run, {1: hold_a_gigabyte})
    assert (codes, state.status) == ([0, 0], "completed"), state.failure
    peak = state.results["peak_bytes"]
    assert isinstance(peak, int)
    assert peak > 1.2 * 2**30
    (measured,) = json.loads((run.path / TABLE).read_text(encoding="utf-8"))
    assert measured["peak_bytes"] == peak


@pytest.mark.slow
def test_sharded_weights_give_the_same_adapter(engine: Engine, train_document: dict[str, Any]) -> None:
    # Two of five songs are held out: the second step of an epoch has one micro-batch, and the second rank runs it too
    # for the first one's sake.
    document = put(put(train_document, "validation.songs", 2), "training.ema_decay", 0.9)
    alone, one = engine.run("alone", "train", put(document, "training.gradient_accumulation", 2))
    document = put(put(document, "training.processes", 2), "training.sharding", "fsdp")
    shared = engine.create("shared", "train", document)
    codes, state = work_as_torchrun(shared)
    assert (codes, state.status) == ([0, 0], "completed"), state.failure
    ours, theirs = _weights(shared), _weights(alone)
    assert {key: value.shape for key, value in ours.items()} == {key: value.shape for key, value in theirs.items()}
    for key, value in theirs.items():
        torch.testing.assert_close(ours[key], value, atol=1e-6, rtol=0)
    assert [v.loss for v in state.validations] == pytest.approx([v.loss for v in one.validations], abs=1e-5)


@pytest.mark.slow
def test_all_ranks_try_again_where_one_ran_out_of_memory(engine: Engine, train_document: dict[str, Any]) -> None:
    document = put(put(train_document, "training.processes", 2), "training.epochs", 1)
    undisturbed, disturbed = (engine.create(name, "train", document) for name in ("undisturbed", "disturbed"))
    for run, trouble in ((undisturbed, {}), (disturbed, {1: memory_full_once})):
        codes, state = work_as_torchrun(run, trouble)
        assert (codes, state.status) == ([0, 0], "completed"), state.failure
        assert any("memory is full" in warning.what for warning in state.warnings) == bool(trouble)
    ours, theirs = _weights(disturbed), _weights(undisturbed)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_all_ranks_stop_where_one_runs_out_of_memory_twice(
    engine: Engine, train_document: dict[str, Any], rank: int
) -> None:
    document = put(put(train_document, "training.processes", 2), "memory.checkpointing", "none")
    run = engine.create("full", "train", put(document, "training.batch_size", 2))
    codes, state = work_as_torchrun(run, {rank: memory_full_twice})
    assert codes == [1, 1]
    assert state.failure is not None
    assert f"rank {rank} of 2: CUDA out of memory" in state.failure.what
    advice = state.failure.fix.split("; or ")
    assert len(advice) == 3
    assert all("saves about" in line for line in advice)
    assert "memory.checkpointing offload" in state.failure.fix
    assert "training.batch_size 1" in state.failure.fix


@pytest.mark.slow
def test_what_another_rank_met_is_told_in_its_words(engine: Engine, train_document: dict[str, Any]) -> None:
    run = engine.create("error", "train", put(train_document, "training.processes", 2))
    codes, state = work_as_torchrun(run, {1: meet_an_error})
    assert codes == [1, 1]
    assert state.failure is not None
    failure = state.failure
    assert (failure.what, failure.where, failure.fix) == ("Rank 1: The song is no song.", "song 3.wav", "remove it")


@pytest.mark.slow
def test_a_rank_that_dies_is_named(engine: Engine, train_document: dict[str, Any]) -> None:
    document = put(put(train_document, "training.processes", 2), "training.epochs", 5000)
    run = engine.create("death", "train", document)
    process = subprocess.Popen([sys.executable, "-m", "sidestep_tui.engine", str(run.path)])
    deadline = time.monotonic() + 120
    try:
        while not any(isinstance(event, StepCompleted) for event in read_events(run.events_file)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (other,) = psutil.Process(process.pid).children()
        other.kill()
        assert process.wait(timeout=60) == 1
    finally:
        process.kill()
    failure = replay(read_events(run.events_file)).failure
    assert failure is not None
    assert failure.what == "The process of rank 1 was ended by SIGKILL."
    assert not (run.path / "ranks").exists()


def test_a_rank_ends_with_the_one_that_started_it(engine: Engine, train_document: dict[str, Any]) -> None:
    run = engine.create("orphan", "train", put(train_document, "training.processes", 2))
    leader = psutil.Popen([sys.executable, "-m", "sidestep_tui.engine", str(run.path)])
    while not (others := leader.children()):
        assert leader.is_running()
        time.sleep(0.01)
    leader.kill()  # before it has made what the ranks meet at
    leader.wait()
    _, alive = psutil.wait_procs(others, timeout=30)
    for rank in alive:
        rank.kill()
    assert not alive


def test_sharding_needs_somebody_to_share_with(engine: Engine, train_document: dict[str, Any]) -> None:
    code, state = engine.work(engine.create("alone", "train", put(train_document, "training.sharding", "fsdp")))
    assert code == 2
    assert state.failure is not None
    assert "--gpus" in state.failure.fix


def test_a_rank_without_a_micro_batch_runs_one_for_the_others_when_weights_are_sharded() -> None:
    for count, padded in ((5, [0, 1]), (4, [0, 0]), (1, [0, 1])):
        items = list(range(count))
        assert [len(Ranks(rank, 2, sharded=True).padding(items)) for rank in (0, 1)] == padded
        assert [len(Ranks(rank, 2).padding(items)) for rank in (0, 1)] == [0, 0]


def test_micro_batches_are_dealt_and_gathered_in_order() -> None:
    micro_batches = list(range(5))
    assert [list(Ranks(rank, 2).share(micro_batches)) for rank in (0, 1)] == [[0, 2, 4], [1, 3]]
    assert Ranks().gather([[1.0, 2.0], [3.0]]) == [1.0, 2.0, 3.0]
