"""Where the system pins no memory, as on a machine without a card, copies are made from other memory."""

import pytest
import torch

from sidestep_tui.acestep.pinned import empty_pinned, pinned


@pytest.fixture(autouse=True)
def _refused(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = torch.empty

    def refuse(*_: object) -> None:
        raise torch.AcceleratorError("CUDA error: out of memory\nSearch for `cudaErrorMemoryAllocation'.")

    def empty_unless_pinned(*size: object, pin_memory: bool = False, **options: object) -> torch.Tensor:
        if pin_memory:
            refuse()
        return empty(*size, **options)

    monkeypatch.setattr(torch.Tensor, "pin_memory", refuse)
    monkeypatch.setattr(torch, "empty", empty_unless_pinned)


def test_a_tensor_stays_where_it_is_with_a_word() -> None:
    tensor = torch.ones(2)
    with pytest.warns(UserWarning, match="not pinned: CUDA error: out of memory$"):
        assert pinned(tensor) is tensor


def test_other_memory_takes_its_place_with_a_word() -> None:
    with pytest.warns(UserWarning, match="not pinned: CUDA error: out of memory$"):
        memory = empty_pinned((2, 3), torch.bfloat16)
    assert (memory.shape, memory.dtype) == ((2, 3), torch.bfloat16)
