"""The machine's snapshot, with a made-up NVML in the place of the driver's."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pynvml
import pytest

from sidestep_tui.runs import cards, machine
from sidestep_tui.runs.machine import MachineProbe, disk_free

from .nvml import FakeNvml


class FakeTimes(NamedTuple):
    """What the cores of a system without guests did, in seconds."""

    user: float
    idle: float


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeNvml]:
    fake = FakeNvml()
    for module in (machine, cards):
        monkeypatch.setattr(module, "pynvml", fake)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    cards.ask_driver.cache_clear()
    yield fake
    cards.ask_driver.cache_clear()


def test_cards_tell_memory_load_power_and_temperature(nvml: FakeNvml, tmp_path: Path) -> None:
    first, second = MachineProbe(tmp_path).read().cards
    assert (first.name, first.memory_used, first.memory_free) == ("Card 0", 8 * 2**30, 16 * 2**30)
    assert (first.utilisation, first.power_watts, first.temperature) == (0.5, 312.5, 64.0)
    assert (second.utilisation, second.power_watts, second.temperature) == (0.5, None, None)


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        ("1", ["Card 1"]),
        ("1,0", ["Card 1", "Card 0"]),
        ("GPU-1", ["Card 1"]),
        ("MIG-8f", ["Card MIG-8f"]),
        ("", []),
    ],
)
def test_cards_are_those_that_cuda_shows_in_its_order(
    nvml: FakeNvml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str, names: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    snapshot = MachineProbe(tmp_path).read()
    assert [card.name for card in snapshot.cards] == names
    assert [card.index for card in snapshot.cards] == list(range(len(names)))
    assert snapshot.cards_missing == ("" if names else "CUDA_VISIBLE_DEVICES hides the cards")


def test_nvml_is_opened_once_and_closed(nvml: FakeNvml, tmp_path: Path) -> None:
    probe = MachineProbe(tmp_path)
    probe.read()
    probe.read()
    assert nvml.opened == 1
    probe.close()
    assert nvml.opened == 0


def test_a_lost_card_is_named_and_asked_for_again(nvml: FakeNvml, tmp_path: Path) -> None:
    nvml.broken = True
    assert "does not answer: GPU is lost" in MachineProbe(tmp_path).read().cards_missing
    nvml.broken = False
    probe = MachineProbe(tmp_path)
    probe.read()
    nvml.broken = True
    lost = probe.read()
    assert lost.cards == ()
    assert "stopped answering" in lost.cards_missing
    nvml.broken = False
    assert len(probe.read().cards) == 2


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "no NVIDIA driver is installed"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "does not answer"),
    ],
)
def test_an_absent_driver_is_a_reason_not_a_failure(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int, reason: str
) -> None:
    def refuse() -> None:
        raise pynvml.NVMLError(code)

    monkeypatch.setattr(nvml, "nvmlInit", refuse)
    snapshot = MachineProbe(tmp_path).read()
    assert snapshot.cards == ()
    assert reason in snapshot.cards_missing


def test_a_driver_without_cards_says_so(nvml: FakeNvml, tmp_path: Path) -> None:
    nvml.cards = 0
    assert MachineProbe(tmp_path).read().cards_missing == "no NVIDIA card is present"


def test_a_card_without_memory_of_its_own_has_the_hosts(nvml: FakeNvml, tmp_path: Path) -> None:
    nvml.unified, nvml.cards = True, 1
    snapshot = MachineProbe(tmp_path).read()
    (card,) = snapshot.cards
    assert (card.memory_total, snapshot.cards_missing) == (snapshot.memory_total, "")
    assert 0 < card.memory_used < card.memory_total


def test_of_a_card_that_we_may_not_ask_the_part_that_is_ours_is_shown_beside_the_others(
    nvml: FakeNvml, tmp_path: Path
) -> None:
    nvml.parts = {"MIG-theirs": 0, "MIG-ours": 10 * 2**30}
    part, whole = MachineProbe(tmp_path).read().cards
    assert (part.name, part.memory_total, part.memory_free) == ("Card MIG-ours", 10 * 2**30, 9 * 2**30)
    assert (part.utilisation, whole.name, whole.memory_total) == (None, "Card 1", 24 * 2**30)
    assert cards.driver_cards() == (cards.Card("GPU-0", 10 * 2**30), cards.Card("GPU-1", 24 * 2**30))


def test_a_card_that_tells_no_memory_at_all_is_shown_without(nvml: FakeNvml, tmp_path: Path) -> None:
    nvml.parts = {}
    card, whole = MachineProbe(tmp_path).read().cards
    assert (card.name, card.memory_total, whole.memory_total) == ("Card 0", 0, 24 * 2**30)


def test_host_memory_and_disk(nvml: FakeNvml, tmp_path: Path) -> None:
    snapshot = MachineProbe(tmp_path).read()
    assert 0 < snapshot.memory_used < snapshot.memory_total
    assert snapshot.disk_free == pytest.approx(disk_free(tmp_path), rel=0.1)


def test_disk_of_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    assert disk_free(tmp_path / "not" / "yet") > 0


def test_the_load_is_that_since_the_last_look_whichever_thread_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {"now": 100.0, "user": 10.0, "idle": 90.0}
    monkeypatch.setattr(machine.time, "monotonic", lambda: seconds["now"])
    monkeypatch.setattr(machine.psutil, "cpu_times", lambda: FakeTimes(seconds["user"], seconds["idle"]))
    probe = MachineProbe(Path("/"))
    for busy in (3.0, 1.0, 0.0):
        seconds.update(now=seconds["now"] + 4, user=seconds["user"] + busy, idle=seconds["idle"] + 4 - busy)
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(probe.read).result().processor == pytest.approx(busy / 4)
        seconds.update(now=seconds["now"] + 0.01)
        assert probe.read().processor == pytest.approx(busy / 4)  # two looks at once are of the same time


def test_the_driver_is_asked_once_for_its_cards_and_one_that_comes_later_is_found(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def opened() -> None:
        asked.append(1)
        if len(asked) == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_DRIVER_NOT_LOADED)

    monkeypatch.setattr(nvml, "nvmlInit", opened)
    there = (cards.Card("GPU-0", 24 * 2**30), cards.Card("GPU-1", 24 * 2**30))
    assert [cards.driver_cards() for _ in range(3)] == [(), there, there]
    assert len(asked) == 2


def test_a_card_without_memory_of_its_own_counts_as_the_smallest(nvml: FakeNvml) -> None:
    nvml.unified = True
    assert cards.driver_cards() == (cards.Card("GPU-0", 0), cards.Card("GPU-1", 0))
    assert cards.usual_visible_card() == "0"


@pytest.mark.parametrize(
    ("memories", "place"), [([24], 0), ([2, 24], 1), ([24, 24], 0), ([23.9, 24], 0), ([8, 24, 24, 16], 1), ([0, 0], 0)]
)
def test_the_usual_card_is_the_first_of_those_with_most_memory(memories: list[float], place: int) -> None:
    assert cards.usual_card([round(memory * 2**30) for memory in memories]) == place
