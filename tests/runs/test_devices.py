"""Where runs work: the machine's names of devices, who is at work there, and whose turn it is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sidestep_tui.config.jobs import EstimateSettings, ExportSettings, PreprocessSettings
from sidestep_tui.config.label import LabelSettings
from sidestep_tui.config.model import ModelSettings
from sidestep_tui.files import write_json_atomic
from sidestep_tui.runs import cards as driver
from sidestep_tui.runs.cards import Card
from sidestep_tui.runs.devices import at_work_on, devices_of, note_devices, sharing_with, turn_at
from sidestep_tui.runs.directory import RunDirectory, create_run

Cards = Callable[..., None]


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> Cards:
    """A machine with so many cards, of which CUDA shows some."""

    def have(count: int, visible: str | None = None, larger: int = 0) -> None:
        there = tuple(Card(f"GPU-{number}a-{number}", 48 if number == larger else 24) for number in range(count))
        monkeypatch.setattr(driver, "driver_cards", lambda: there)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    return have


def preprocess(device: str = "auto", processes: int = 1) -> PreprocessSettings:
    model = ModelSettings(checkpoint=Path("m"), device=device)
    return PreprocessSettings(model=model, dataset=Path("d"), output=Path("o"), processes=processes)


@pytest.mark.parametrize(
    ("count", "visible", "device", "processes", "used"),
    [
        (0, None, "auto", 1, {"cpu"}),
        (2, None, "auto", 1, {"cuda:0"}),
        (2, None, "auto", 2, {"cuda:0", "cuda:1"}),
        (2, None, "cpu", 1, {"cpu"}),
        (2, None, "mps", 1, {"mps"}),
        (2, None, "cuda", 1, {"cuda:0"}),
        (2, None, "cuda:1", 1, {"cuda:1"}),
        (2, None, "cuda:7", 1, {"cuda:7"}),
        (4, "2,3", "auto", 1, {"cuda:2"}),
        (4, "2, 3", "cuda:1", 1, {"cuda:3"}),
        (4, "2,-1,3", "auto", 3, {"cuda:2"}),
        (4, "2,9,3", "auto", 3, {"cuda:2"}),
        (4, "", "auto", 1, {"cpu"}),
        (4, "-1", "auto", 1, {"cpu"}),
        (4, "GPU-8f2c,MIG-1", "auto", 2, {"cuda:GPU-8f2c", "cuda:MIG-1"}),
        (4, "GPU-2a-2,GPU-1,MIG-1", "auto", 3, {"cuda:2", "cuda:1", "cuda:MIG-1"}),
        (4, "GPU-", "auto", 1, {"cuda:GPU-"}),  # which of them it is CUDA does not say either
        (0, "0", "auto", 1, {"cpu"}),
    ],
)
def test_a_device_has_the_name_that_the_machine_gives_it(
    count: int, visible: str | None, device: str, processes: int, used: set[str], cards: Cards
) -> None:
    cards(count, visible)
    assert devices_of(preprocess(device, processes)) == used


def test_a_job_that_knows_no_processes_works_on_one_card(cards: Cards) -> None:
    cards(3)
    estimate = EstimateSettings(model=ModelSettings(checkpoint=Path("m")), tensors=Path("t"))
    assert devices_of(estimate) == {"cuda:0"}


def test_where_none_is_named_the_card_with_most_memory_is_taken(cards: Cards) -> None:
    cards(3, larger=1)
    assert devices_of(preprocess("auto")) == devices_of(preprocess("cuda")) == {"cuda:1"}
    assert devices_of(preprocess("auto", 2)) == {"cuda:0", "cuda:1"}
    cards(3, "2,0", larger=1)
    assert devices_of(preprocess("auto")) == {"cuda:2"}


def test_a_job_without_a_model_works_on_the_processor(cards: Cards) -> None:
    cards(1)
    assert devices_of(ExportSettings(adapter=Path("a"), output=Path("b"))) == {"cpu"}
    assert devices_of(LabelSettings(dataset=Path("d"), by="sound")) == {"cpu"}
    assert devices_of(LabelSettings(dataset=Path("d"), by="local", captioner=Path("c"))) == {"cuda:0"}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cards: Cards) -> list[RunDirectory]:
    """Two runs on the first of two cards, one on the second, one on the processor."""
    monkeypatch.setenv("SIDESTEP_HOME", str(tmp_path))
    cards(2)
    wanted = {"one": "auto", "other": "cuda:0", "beside": "cuda:1", "below": "cpu"}
    return [create_run(tmp_path / "runs" / name, "preprocess", preprocess(device)) for name, device in wanted.items()]


def test_who_is_at_work_is_told_as_long_as_its_engine_lives(runs: list[RunDirectory], cards: Cards) -> None:
    one, other, beside, below = runs
    for run in (one, beside, below):
        note_devices(run)
    assert sharing_with(other) == []
    with one.held(), beside.held(), below.held():
        assert sharing_with(other) == [one]
        assert at_work_on({"cuda:0", "cuda:1"}, but=beside) == [one]
        assert sharing_with(one) == []
        assert at_work_on({"cpu"}) == [below]
        cards(2, "GPU-1a-1")  # for this process the second card is the first
        assert sharing_with(one) == [beside]
        cards(2, "1")
        assert sharing_with(one) == [beside]
    assert at_work_on({"cuda:0", "cuda:1", "cpu"}) == []


def test_of_the_processor_nobody_is_told_since_it_is_shared_anyway(runs: list[RunDirectory], tmp_path: Path) -> None:
    below, also_below = runs[-1], create_run(tmp_path / "runs" / "also below", "preprocess", preprocess("cpu"))
    note_devices(below)
    with below.held():
        assert at_work_on({"cpu"}, but=also_below) == [below]
        assert sharing_with(also_below) == []


def test_an_engine_on_another_machine_with_the_same_home_is_not_in_the_way(runs: list[RunDirectory]) -> None:
    one, other, *_rest = runs
    with one.held():
        assert at_work_on({"cuda:0"}) == []  # it has not said yet where it works
        write_json_atomic(one.devices_file, {"host": "elsewhere", "devices": ["cuda:0"]})
        assert sharing_with(other) == []
        one.devices_file.write_text("{", encoding="utf-8")
        assert sharing_with(other) == []


def test_one_has_the_turn_at_a_device(runs: list[RunDirectory]) -> None:
    with turn_at({"cuda:0", "cuda:1"}) as first:
        assert first
        for wanted, free in (({"cuda:1"}, False), ({"cpu"}, True), ({"cpu", "cuda:0"}, False)):
            with turn_at(wanted) as second:
                assert second == free
    with turn_at({"cuda:1", "cuda:GPU-8f2c/0"}) as third:
        assert third
