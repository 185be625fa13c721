"""What the engine's process does around a job."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest

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
