"""Two processes on one run give the adapter that one process gives with twice the accumulation."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sidestep_tui.config.fields import put
from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.runs.events import StepCompleted
from sidestep_tui.runs.log import read_events
from tests.engine.conftest import Engine


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
    ours, theirs = (load_file(Path(run.final) / "adapter_model.safetensors") for run in (shared, alone))
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        torch.testing.assert_close(ours[key], value, atol=1e-6, rtol=0)
    steps = [
        [(e.step, e.timesteps) for e in read_events(run.events_file) if isinstance(e, StepCompleted)]
        for run in (shared, alone)
    ]
    assert steps[0] == steps[1]


def test_micro_batches_are_dealt_and_gathered_in_order() -> None:
    micro_batches = list(range(5))
    assert [list(Ranks(rank, 2).share(micro_batches)) for rank in (0, 1)] == [[0, 2, 4], [1, 3]]
    assert Ranks().gather([[1.0, 2.0], [3.0]]) == [1.0, 2.0, 3.0]
