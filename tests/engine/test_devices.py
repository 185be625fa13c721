"""Which device a process takes: the one that is named, or the card of its own rank."""

import pytest
import torch

from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.devices import choose_device
from sidestep_tui.errors import SidestepError


def _device(name: str) -> torch.device:
    document = {"model": {"checkpoint": "m", "device": name}, "data": {"tensors": "t"}}
    return choose_device(TrainSettings.model_validate(document))


@pytest.fixture
def _two_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


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
@pytest.mark.parametrize(("name", "rank"), [("cuda:2", 0), ("cuda", 2), ("auto", 2)])
def test_a_card_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, name: str, rank: int) -> None:
    monkeypatch.setenv("LOCAL_RANK", str(rank))
    with pytest.raises(SidestepError, match="no cuda:2: torch sees 2 CUDA cards"):
        _device(name)


def test_without_a_card_the_processor_works_unless_a_card_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert _device("auto") == torch.device("cpu")
    with pytest.raises(SidestepError, match="no cuda:0"):
        _device("cuda")
