"""A training run that takes its modules and ranks from an estimate."""

import json
from pathlib import Path
from typing import Any

import pytest

from sidestep_tui.engine.adapters.adapter import read_adapter
from tests.engine.conftest import Engine


@pytest.fixture
def ranking(engine: Engine, turbo: Path, songs: Path) -> Path:
    """The file of a short estimate, beside the tensors."""
    model = {"checkpoint": str(turbo), "device": "cpu"}
    engine.run("estimate", "estimate", {"model": model, "tensors": str(songs), "batches": 2, "rank": 8})
    return songs / "sensitivity.json"


def test_a_ranking_of_other_songs_is_told(engine: Engine, ranking: Path, train_document: dict[str, Any]) -> None:
    ranking.write_text(json.dumps({**json.loads(ranking.read_text()), "data": "of other songs"}))
    train_document |= {"adapter": {"targets_from": str(ranking.parent)}, "training": {"max_steps": 1}}
    _, state = engine.run("trained", "train", train_document)
    assert any("other songs" in warning.what for warning in state.warnings)


def test_a_family_without_ranks_says_that_it_takes_the_modules_alone(
    engine: Engine, ranking: Path, train_document: dict[str, Any]
) -> None:
    chosen = [entry["module"] for entry in json.loads(ranking.read_text())["proposal"]]
    for family, told in (({"family": "oft", "block_size": 8}, 1), ({"family": "loha", "rank": 4}, 0)):
        adapter = family | {"targets_from": str(ranking.parent)}
        run, state = engine.run(
            f"trained {told}", "train", {**train_document, "adapter": adapter, "training": {"max_steps": 1}}
        )
        assert sum("has no ranks" in warning.what for warning in state.warnings) == told
        assert read_adapter(run.final).modules == tuple(sorted(chosen))
