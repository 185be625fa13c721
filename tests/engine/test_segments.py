"""Segments of a card's memory that grow: set where they work, and nowhere else."""

import platform
import sys
from collections.abc import Iterator

import pytest
import torch

from sidestep_tui.engine import segments
from sidestep_tui.engine.devices import make_current
from sidestep_tui.engine.segments import let_segments_grow
from sidestep_tui.runs.cards import Card

CARD = torch.device("cuda", 0)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What torch's allocator was told, on a machine where it may be told."""
    settings: list[str] = []
    for variable in ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "release", lambda: "6.8.0-60-generic")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(segments, "driver_cards", lambda: (Card("GPU-1", 2**34),))
    # Torch has no public door to it, and no way to ask how it is set.
    monkeypatch.setattr(torch._C, "_accelerator_setAllocatorSettings", settings.append)
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)
    return settings


def test_segments_grow_on_a_card(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "set_device", lambda _: None)
    make_current(torch.device("cpu"))
    assert told == []
    make_current(CARD)
    assert told == ["expandable_segments:True"]


@pytest.mark.parametrize("variable", ["PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"])
def test_who_has_told_the_allocator_something_is_not_overruled(
    variable: str, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "max_split_size_mb:128")
    assert let_segments_grow(CARD) == f"{variable} is max_split_size_mb:128"
    assert told == []


def test_machines_where_they_are_known_to_fail_are_left_alone(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for where, name, value, words in (
        (platform, "release", lambda: "6.6.87.2-microsoft-standard-WSL2", "WSL"),
        (segments, "driver_cards", tuple, "NVML"),
        (torch.version, "cuda", None, "CUDA on Linux"),
        (sys, "platform", "win32", "CUDA on Linux"),
    ):
        with monkeypatch.context() as here:
            here.setattr(where, name, value)
            assert words in (let_segments_grow(CARD) or "")
    assert told == []


def test_a_driver_that_refuses_them_has_the_usual_ones(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA driver error: operation not supported\nmore")

    monkeypatch.setattr(torch, "empty", refuse)
    assert let_segments_grow(CARD) == "CUDA driver error: operation not supported"
    assert told == ["expandable_segments:True", "expandable_segments:False"]


@pytest.fixture
def _as_it_was() -> Iterator[None]:
    yield
    torch._C._accelerator_setAllocatorSettings("expandable_segments:False")


@pytest.mark.cuda
@pytest.mark.usefixtures("_as_it_was")
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_card_has_segments_that_grow_where_it_is_told_so() -> None:
    torch.cuda.empty_cache()
    reason = let_segments_grow(CARD)
    before = torch.cuda.memory_reserved(CARD)
    song = torch.empty(64 * 2**20, dtype=torch.uint8, device=CARD)
    pieces = [piece for piece in torch.cuda.memory_snapshot() if piece["address"] <= song.data_ptr()]
    holding = max(pieces, key=lambda piece: int(piece["address"]))
    assert holding["is_expandable"] == (reason is None)
    del song
    torch.cuda.empty_cache()
    assert torch.cuda.memory_reserved(CARD) <= before
