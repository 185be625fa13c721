"""Which device a process takes: the one that is named, or the card of its own rank."""

import os
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
import torch

from sidestep_tui.config.fields import put
from sidestep_tui.config.model import ModelSettings
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine import devices, jobs
from sidestep_tui.engine.devices import choose_device, choose_dtype, device_sampler, why_no_card
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.cards import Card
from tests.engine.conftest import Engine


def _settings(name: str) -> TrainSettings:
    return TrainSettings.model_validate({"model": {"checkpoint": "m", "device": name}, "data": {"tensors": "t"}})


def _device(name: str) -> torch.device:
    return choose_device(_settings(name))


@pytest.fixture
def _two_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _card: SimpleNamespace(total_memory=24 * 2**30))


@pytest.mark.usefixtures("_two_cards")
@pytest.mark.parametrize(
    ("name", "of_ranks"),
    [
        ("auto", ["cuda:0", "cuda:1"]),
        ("cuda", ["cuda:0", "cuda:1"]),
        ("cuda:1", ["cuda:1", "cuda:1"]),
        ("cpu", ["cpu", "cpu"]),
    ],
)
def test_a_card_that_is_named_is_taken_and_else_each_rank_has_its_own(
    monkeypatch: pytest.MonkeyPatch, name: str, of_ranks: list[str]
) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert str(_device(name)) == of_ranks[0]
    for rank, wanted in enumerate(of_ranks):
        monkeypatch.setenv("LOCAL_RANK", str(rank))
        assert str(_device(name)) == wanted


@pytest.mark.usefixtures("_two_cards")
def test_where_none_is_named_the_card_with_most_memory_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    memory = [2 * 2**30, 24 * 2**30]
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda card: SimpleNamespace(total_memory=memory[card]))
    assert str(_device("auto")) == str(_device("cuda")) == "cuda:1"
    assert str(_device("cuda:0")) == "cuda:0"
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert str(_device("auto")) == "cuda:0"


@pytest.mark.parametrize(
    ("device", "native", "precision", "wanted"),
    [
        ("cpu", True, "auto", torch.float32),
        ("cuda", True, "auto", torch.bfloat16),
        ("cuda", False, "auto", torch.float32),
        ("cuda", True, "float32", torch.float32),
        ("cuda", False, "bfloat16", torch.bfloat16),
    ],
)
def test_weights_are_in_bfloat16_where_a_card_has_it_and_does_not_emulate_it(
    monkeypatch: pytest.MonkeyPatch, device: str, native: bool, precision: str, wanted: torch.dtype
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    settings = ModelSettings.model_validate({"checkpoint": "m", "precision": precision})
    assert choose_dtype(settings, torch.device(device)) is wanted


def test_an_engine_numbers_cards_as_their_driver_does(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    order = "CUDA_DEVICE_ORDER"
    monkeypatch.setattr(jobs, "load_job", lambda _name: lambda _context, _settings: {"order": os.environ[order]})
    for chosen, wanted in (("", "PCI_BUS_ID"), ("FASTEST_FIRST", "FASTEST_FIRST")):
        monkeypatch.setenv(order, chosen)
        if not chosen:
            monkeypatch.delenv(order)
        _, state = engine.run(wanted, "train", train_document)
        assert state.results == {"order": wanted}


@pytest.mark.usefixtures("_two_cards")
@pytest.mark.parametrize(("name", "rank"), [("cuda:2", 0), ("cuda", 2), ("auto", 2)])
def test_a_card_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, name: str, rank: int) -> None:
    monkeypatch.setenv("LOCAL_RANK", str(rank))
    with pytest.raises(SidestepError, match="no cuda:2: torch sees 2 CUDA cards"):
        _device(name)


@pytest.mark.usefixtures("_two_cards")
def test_what_is_asked_of_no_card_by_name_is_asked_of_the_chosen_one(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As whether it computes in bfloat16, which another card of the machine may not."""
    current: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.setattr(jobs, "load_job", lambda _name: lambda _context, _settings: {"asked": str(*current)})
    _, state = engine.run("second", "train", put(train_document, "model.device", "cuda:1"))
    assert (state.device, state.results) == ("cuda:1", {"asked": "cuda:1"})


def test_without_a_card_the_processor_works_unless_a_card_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert _device("auto") == torch.device("cpu")
    with pytest.raises(SidestepError, match="no cuda:0"):
        _device("cuda")


@pytest.fixture
def _unusable_card(monkeypatch: pytest.MonkeyPatch) -> None:
    def init() -> None:
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11040). Please update it.")

    monkeypatch.setattr(devices, "driver_cards", lambda: (Card("GPU-0", 1),))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", init)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.usefixtures("_unusable_card")
def test_a_card_that_torch_cannot_use_is_told_unless_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_no_card(_settings("auto")) == "The NVIDIA driver on your system is too old (found version 11040)"
    assert why_no_card(_settings("cpu")) is None
    monkeypatch.setattr(devices, "driver_cards", lambda: ())
    assert why_no_card(_settings("auto")) is None
    monkeypatch.setattr(devices, "driver_cards", lambda: (Card("GPU-0", 1),))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert why_no_card(_settings("auto")) is None


@pytest.mark.usefixtures("_unusable_card")
def test_a_run_on_the_processor_beside_a_card_says_so(engine: Engine, train_document: dict[str, Any]) -> None:
    document = put(put(train_document, "model.device", "auto"), "training.max_steps", 1)
    _, state = engine.run("slow", "train", document)
    assert state.status == "completed"
    assert any("too old (found version 11040)" in warning.what for warning in state.warnings)


@pytest.fixture
def _a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (60, 80))
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda _device: 15)
    monkeypatch.setattr(torch.cuda, "utilization", lambda _device: 97)
    monkeypatch.setattr(torch.cuda, "power_draw", lambda _device: 312_000)
    monkeypatch.setattr(torch.cuda, "temperature", lambda _device: 64)


@pytest.mark.usefixtures("_a_card")
def test_a_card_is_sampled_with_its_load() -> None:
    sampled = device_sampler(torch.device("cuda", 0))()
    assert (sampled.device_bytes, sampled.device_total_bytes, sampled.peak_bytes) == (20, 80, 15)
    assert (sampled.utilisation, sampled.power_watts, sampled.temperature) == (0.97, 312.0, 64.0)


@pytest.mark.usefixtures("_a_card")
@pytest.mark.parametrize("error", [pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED), RuntimeError("no driver")])
def test_what_a_card_does_not_tell_ends_no_run(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_device: torch.device) -> int:
        raise error

    monkeypatch.setattr(torch.cuda, "power_draw", refuse)
    sampled = device_sampler(torch.device("cuda", 0))()
    assert (sampled.utilisation, sampled.power_watts, sampled.temperature) == (0.97, None, 64.0)
