"""What tests of recorded passes share: a tiny model, batches for it, and work that is done again in place of graphs."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.acestep.fast import use_fast_blocks
from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.engine.adapters.adapter import inject_new, trainable
from sidestep_tui.engine.adapters.targets import choose_targets
from sidestep_tui.engine.data.batches import Batch
from sidestep_tui.engine.training.graphs import RecordedPasses, Work
from sidestep_tui.engine.training.graphs import Recorder as AnyRecorder
from sidestep_tui.engine.training.step import Passes, plain_passes


class Recorder:
    """Makes of work what does it again, and counts; `spoil` is done after every replay."""

    def __init__(self, spoil: Work = lambda: None) -> None:
        self.made = 0
        self.replayed = 0
        self.rehearsed = 0
        self._spoil = spoil

    def record(self, work: Work) -> Work:
        self.made += 1

        def replay() -> None:
            self.replayed += 1
            work()
            self._spoil()

        return replay

    def rehearse(self, work: Work) -> None:
        self.rehearsed += 1
        work()


class RecordingBy(Recorder):
    """Records in a way of its own."""

    def __init__(self, record: Callable[[Work], Work]) -> None:
        super().__init__()
        self._record = record

    def record(self, work: Work) -> Work:
        return self._record(work)


class Trained:
    """A tiny model with its adapter, and its plain passes."""

    def __init__(self, path: Path, device: str = "cpu", dtype: torch.dtype = torch.float32) -> None:
        checkpoint = open_checkpoint(path)
        self.transformer = checkpoint.load_transformer(device, dtype)
        settings = LoraSettings(rank=4)
        inject_new(self.transformer, settings, choose_targets(settings, checkpoint.config), seed=1)
        self.parameters = list(trainable(self.transformer).values())
        draw = torch.Generator().manual_seed(2)
        for parameter in self.parameters:
            parameter.data = 0.1 * torch.randn(parameter.shape, generator=draw).to(device)
        use_fast_blocks(self.transformer)
        self.transformer.train()
        self.device = torch.device(device)
        self.plain = plain_passes(self.transformer, ObjectiveSettings(weighting="min_snr"))

    def recorded(
        self, recorder: AnyRecorder, warnings: list[str], plain: Passes | None = None, *, compiled: bool = False
    ) -> RecordedPasses:
        passes = plain or self.plain
        return RecordedPasses(passes, self.parameters, self.device, recorder, warnings.append, compiled=compiled)

    def result(self, passes: Passes, batches: list[Batch], samples: float = 3) -> tuple[list[Tensor], list[Tensor]]:
        """Losses of every batch, and the gradients of them all; nothing is left in the parameters."""
        losses = [passes(batch, samples) for batch in batches]
        gradients = [parameter.grad.clone() for parameter in self.parameters if parameter.grad is not None]
        for parameter in self.parameters:
            parameter.grad = None
        return losses, gradients


def batch(frames: int, tokens: int, lengths: tuple[int, ...] | None = None, seed: int = 0) -> Batch:
    draw = torch.Generator().manual_seed(seed)
    count = len(lengths or (frames,))
    return Batch(
        keys=("song",) * count,
        x0=torch.randn(count, frames, 64, generator=draw),
        noise=torch.randn(count, frames, 64, generator=draw),
        t=torch.rand(count, generator=draw),
        condition=torch.randn(count, tokens, 64, generator=draw),
        context=torch.randn(1, frames, 128, generator=draw).expand(count, -1, -1),
        lengths=None if lengths is None else torch.tensor(lengths),
        condition_lengths=None,
        importance=torch.ones(count) if seed % 2 else torch.rand(count, generator=draw),
        bands=(0,) * count,
    )


def same(found: tuple[list[Tensor], list[Tensor]], wanted: tuple[list[Tensor], list[Tensor]]) -> None:
    assert len(found[1]) == len(wanted[1]) > 0
    torch.testing.assert_close(found[0], wanted[0], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(found[1], wanted[1], atol=1e-6, rtol=1e-4)
