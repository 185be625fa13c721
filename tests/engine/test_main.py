"""What the engine's process does around a job."""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from sidestep_tui.config.jobs import JOBS
from sidestep_tui.runs.events import StepCompleted
from sidestep_tui.runs.log import EventWriter
from tests.conftest import spare_the_collector
from tests.engine.conftest import Engine


@pytest.fixture
def _garbage_put_off() -> Iterator[None]:
    """As the engine's own process begins; afterwards as the suite has it."""
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()
    spare_the_collector()


@pytest.mark.usefixtures("_garbage_put_off")
def test_garbage_is_collected_again_when_the_job_begins(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object) -> dict[str, int]:
        return {"collects": int(gc.isenabled()), "spared": gc.get_freeze_count()}

    gc.unfreeze()
    monkeypatch.setattr("sidestep_tui.engine.jobs.load_job", lambda _name: work)
    _, state = engine.run("collecting", "train", train_document)
    assert state.results["collects"] == 1
    assert state.results["spared"] > 0


@pytest.mark.slow
def test_no_job_loads_what_draws() -> None:
    program = (
        "import sys, sidestep_tui.engine.__main__\n"
        "from sidestep_tui.config.jobs import JOBS\n"
        "from sidestep_tui.engine.jobs import load_job\n"
        "jobs = [load_job(name) for name in JOBS]\n"
        "drawing = {'textual', 'rich', 'sidestep_tui.tui', 'sidestep_tui.cli', 'sidestep_tui.report'}\n"
        "print(len(jobs), sorted(drawing & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == f"{len(JOBS)} []"


def test_a_memory_that_is_full_where_nobody_expects_it_is_told_with_what_helps(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 7 GiB. GPU 0 has 8 GiB.")

    monkeypatch.setattr("sidestep_tui.acestep.checkpoint.Checkpoint.load_transformer", load)
    code, state = engine.work(engine.create("full", "train", train_document))
    assert (code, state.status) == (1, "failed")
    assert state.failure.what == "The device's memory does not suffice: CUDA out of memory."
    assert "--device cpu" in state.failure.fix


@pytest.mark.parametrize(("said", "words", "fix"), [
    ("an illegal memory access was encountered", "an illegal memory access was encountered", "sidestep resume"),
    ("no kernel image is available for execution on the device", "no kernel image", "sidestep doctor"),
    ("CUDA-capable device(s) is/are busy or unavailable", "busy or unavailable", "another program"),
    ("out of memory", "memory does not suffice", "--device cpu"),
])  # fmt: skip
def test_what_a_card_says_is_told_in_one_line_with_what_helps(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch, said: str, words: str, fix: str
) -> None:
    def fail(*_: object) -> None:
        more = "Search for `cudaError` in https://docs.nvidia.com\nFor debugging consider CUDA_LAUNCH_BLOCKING=1"
        raise torch.AcceleratorError(f"CUDA error: {said}\n{more}")

    monkeypatch.setattr("sidestep_tui.acestep.checkpoint.Checkpoint.load_transformer", fail)
    code, state = engine.work(engine.create("gave up", "train", train_document))
    assert (code, state.status) == (1, "failed")
    assert words in state.failure.what
    assert "\n" not in state.failure.what
    assert fix in state.failure.fix


def test_a_hang_up_passes_by_and_a_termination_saves_and_ends(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is what a closed laptop sends to all that hang on its terminal, the second what a shutdown sends."""
    heard: list[int] = []
    signal.signal(signal.SIGHUP, lambda number, _: heard.append(number))  # the engine takes its place
    write, sent = EventWriter.write, {2: signal.SIGHUP, 5: signal.SIGTERM}

    def write_and_send(log: EventWriter, event: Any) -> Any:
        written = write(log, event)
        if isinstance(event, StepCompleted) and event.step in sent:
            os.kill(os.getpid(), sent[event.step])
        return written

    monkeypatch.setattr(EventWriter, "write", write_and_send)
    run, state = engine.run("signals", "train", train_document)
    assert (state.status, state.step, heard) == ("stopped", 5, [])
    assert state.stopped is not None
    assert state.stopped.reason == "received SIGTERM"
    assert (run.checkpoints / "step-00000005").is_dir()
