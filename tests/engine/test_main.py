"""What the engine's process does around a job."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import torch

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
