"""The attention of generated songs: the numbers of diffusers, and on a card no scores of all frames with all frames."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.acestep.flash import trust_flash
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.engine.generate.pipeline import build_pipeline


def _answer(transformer: torch.nn.Module, frames: int) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    width = transformer.condition_embedder.in_features
    states = [torch.randn(shape, generator=draw) for shape in ((2, frames, 64), (2, 9, width), (2, frames, 128))]
    with torch.no_grad():
        return velocity(transformer, states[0], torch.tensor([0.4, 0.9]), states[1], states[2])


def test_it_gives_what_the_attention_of_diffusers_gives(turbo: Path) -> None:
    checkpoint = open_checkpoint(turbo)
    theirs = _answer(
        checkpoint.load_transformer("cpu", torch.float32), 600
    )  # 300 tokens: windows leave some of them out
    ours = _answer(build_pipeline(checkpoint, torch.float32).transformer, 600)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_its_memory_grows_with_the_song_and_not_with_its_square(turbo: Path) -> None:
    device = torch.device("cuda", 0)
    if trust_flash(device) is not None:
        pytest.skip("the card has no flash kernel")
    transformer = build_pipeline(open_checkpoint(turbo), torch.bfloat16).transformer.to(device)
    taken = []
    for frames in (4000, 8000):
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        _answer(transformer, frames)
        taken.append(torch.cuda.max_memory_allocated(device) - before)
    assert taken[1] < 2.5 * taken[0]
