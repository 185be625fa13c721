"""Recorded passes on a card: the numbers of plain ones, and the stream that they leave."""

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from sidestep_tui.acestep.compiled import compile_blocks
from sidestep_tui.acestep.flash import trust_flash
from sidestep_tui.config.train import Checkpointing
from sidestep_tui.engine.memory.recompute import use_checkpointing
from sidestep_tui.engine.training.recorder import CardRecorder
from tests.engine.training.recorded import Trained, batch


@pytest.mark.cuda
@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("policy", ["none", "all"])
def test_a_card_replays_what_it_computed(turbo: Path, policy: Checkpointing, compiled: bool) -> None:
    if trust_flash(torch.device("cuda", 0)) is not None:
        pytest.skip("the card has no flash kernel")
    trained, warnings = Trained(turbo, "cuda:0", torch.bfloat16), list[str]()
    if compiled:
        compile_blocks(trained.transformer, lambda _kind: nullcontext(), warnings.append)
    use_checkpointing(trained.transformer, policy, draws=False)
    passes = trained.recorded(CardRecorder(trained.device), warnings, compiled=compiled)
    for seed in range(3):
        step = [batch(50 + seed, 10, seed=seed), batch(400, 70, seed=seed)]
        found, wanted = trained.result(passes, step), trained.result(trained.plain, step)
        for ours, theirs in zip((*found[0], *found[1]), (*wanted[0], *wanted[1]), strict=True):
            assert (ours - theirs).norm() < 0.02 * theirs.norm()
    assert not warnings


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("fault", ["the card's", "ours", "no memory"])
def test_a_recording_that_fails_leaves_the_card_as_it_was(fault: str) -> None:
    """In its own stream, with its memory, and random numbers for who asks for them."""
    device = torch.device("cuda", 0)
    numbers, stream = torch.zeros(16 * 2**20, device=device), torch.cuda.current_stream(device)
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved(device)

    def work() -> None:
        others = (numbers + 1).exp()
        if fault == "the card's":
            others[0].item()  # which waits for the card
        raise RuntimeError("ours") if fault == "ours" else torch.OutOfMemoryError

    recorder = CardRecorder(device)
    with pytest.raises(RuntimeError):
        recorder.record(work)
    del recorder
    assert torch.cuda.current_stream(device) == stream
    torch.rand(2, device=device)
    torch.cuda.empty_cache()
    assert torch.cuda.memory_reserved(device) <= before + 2 * 2**20  # a piece for what is small


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_rehearsal_takes_the_memory_of_the_recordings() -> None:
    """Forwards and back, whichever thread goes there; and the memory of all of it is given back with the recorder."""
    device = torch.device("cuda", 0)
    recorder, weight = CardRecorder(device), torch.ones(16 * 2**20, device=device, requires_grad=True)
    weight.grad = torch.zeros_like(weight)
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved(device)

    def work() -> None:
        weight.exp().exp().exp().sum().backward()

    replay = recorder.record(work)
    recorded = torch.cuda.memory_reserved(device)
    recorder.rehearse(work)
    assert recorded >= before + 3 * 64 * 2**20
    assert torch.cuda.memory_reserved(device) == recorded
    assert torch.cuda.current_stream(device) == torch.cuda.default_stream(device)
    del recorder, replay
    torch.cuda.empty_cache()
    assert torch.cuda.memory_reserved(device) <= before + 2 * 2**20  # a piece for what is small
