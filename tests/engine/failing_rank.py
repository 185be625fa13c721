"""A rank in trouble at its second step: `python failing_rank.py RUN_DIR FAILING_RANK TIMES`.

So many TIMES its memory is full; for `error` it meets an error that the others do not.
"""

import os
import sys
from typing import Any

import torch

from sidestep_tui.engine import step
from sidestep_tui.engine.__main__ import main
from sidestep_tui.errors import SidestepError


def fill_memory(times: int) -> None:
    """The micro-batches of the second step, and of its repetitions, find the memory full so many times."""
    original, calls = step.sample_losses, 0

    def sample_losses(*arguments: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if 2 <= calls < 2 + times:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.25 GiB. GPU 0 is full.")
        return original(*arguments)

    step.sample_losses = sample_losses


def meet_an_error() -> None:
    def sample_losses(*_: Any) -> torch.Tensor:
        raise SidestepError("The song is no song.", where="song 3.wav", fix="remove it")

    step.sample_losses = sample_losses


if __name__ == "__main__":
    if os.environ["RANK"] == sys.argv[2]:
        meet_an_error() if sys.argv[3] == "error" else fill_memory(int(sys.argv[3]))
    sys.exit(main([sys.argv[1]]))
