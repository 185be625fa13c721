"""How a wizard's run starts: what is planned before it, what it is called, what the next wizard remembers."""

from pathlib import Path

import pytest

from sidestep_tui.config.places import data_home, free_path, runs_home
from sidestep_tui.config.preflight import PreflightSettings
from sidestep_tui.errors import UsageError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.wizard import start
from sidestep_tui.tui.wizard.start import (
    plan_start,
    remember,
    remembered,
    run_path,
    start_preflight,
    suggest_name,
    tensors_for,
)


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


def test_a_preflight_does_not_wait_for_the_ranking_that_the_run_will_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[RunDirectory] = []
    monkeypatch.setattr(start, "launch", launched.append)
    document = {"model": {"checkpoint": "/m"}, "data": {"tensors": str(tmp_path)}, "adapter": {"rank": 8}}
    for measure_first, adapter in ((True, {}), (False, {"targets_from": "/ranking.json"})):
        given = document | {"adapter": {"rank": 8, **adapter}}
        run = start_preflight(plan_start(given, f"mine {measure_first}", None, measure_first=measure_first))
        settings = run.settings()
        assert isinstance(settings, PreflightSettings)
        assert settings.adapter.targets_from == (Path("/ranking.json") if adapter else None)
    assert len(launched) == 2


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
