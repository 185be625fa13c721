"""Recorded passes: what they are given and give, with work that is done again in place of a card's graphs."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.acestep.compiled import compile_blocks
from sidestep_tui.acestep.fast import use_fast_blocks
from sidestep_tui.acestep.flash import trust_flash
from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.engine import graphs
from sidestep_tui.engine.adapter import inject_new, trainable
from sidestep_tui.engine.batches import Batch
from sidestep_tui.engine.graphs import Record, RecordedPasses, cuda_record, rounded
from sidestep_tui.engine.recompute import Policy, use_checkpointing
from sidestep_tui.engine.step import Passes, plain_passes
from sidestep_tui.engine.targets import choose_targets

Work = Callable[[], None]


class Recorder:
    """Makes of work what does it again, and counts; `spoil` is done after every replay."""

    def __init__(self, spoil: Work = lambda: None) -> None:
        self.made = 0
        self.replayed = 0
        self._spoil = spoil

    def __call__(self, work: Work) -> Work:
        self.made += 1

        def replay() -> None:
            self.replayed += 1
            work()
            self._spoil()

        return replay


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
        self, record: Record, warnings: list[str], plain: Passes | None = None, *, compiled: bool = False
    ) -> RecordedPasses:
        passes = plain or self.plain
        return RecordedPasses(passes, self.parameters, self.device, record, warnings.append, compiled=compiled)

    def result(self, passes: Passes, batches: list[Batch], samples: float = 3) -> tuple[list[Tensor], list[Tensor]]:
        """Losses of every batch, and the gradients of them all; nothing is left in the parameters."""
        losses = [passes(batch, samples) for batch in batches]
        gradients = [parameter.grad.clone() for parameter in self.parameters if parameter.grad is not None]
        for parameter in self.parameters:
            parameter.grad = None
        return losses, gradients


@pytest.fixture
def trained(turbo: Path) -> Trained:
    return Trained(turbo)


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
        importance=None if seed % 2 else torch.rand(count, generator=draw),
    )


def same(found: tuple[list[Tensor], list[Tensor]], wanted: tuple[list[Tensor], list[Tensor]]) -> None:
    assert len(found[1]) == len(wanted[1]) > 0
    torch.testing.assert_close(found[0], wanted[0], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(found[1], wanted[1], atol=1e-6, rtol=1e-4)


def test_replays_give_the_losses_and_gradients_of_plain_passes(trained: Trained) -> None:
    steps = [
        [batch(50, 10), batch(61, 1, seed=1)],
        [batch(150, 70, seed=2)],
        [batch(60, 9, seed=3), batch(50, 12, (50, 17), seed=4), batch(20, 64, seed=5)],
    ]
    recorder, warnings = Recorder(), list[str]()
    passes = trained.recorded(recorder, warnings)
    for step in steps:
        same(trained.result(passes, step), trained.result(trained.plain, step))
    assert not warnings
    assert recorder.made == 3  # one song of up to 64 frames and tokens, a longer one, two songs
    assert recorder.replayed == 6 + 1  # and the first, which was looked at


def test_where_blocks_compile_a_length_is_met_once_before_it_is_recorded(trained: Trained) -> None:
    """Compiling asks the card for what it refuses while it records."""
    met: set[tuple[int, ...]] = set()
    recording = False

    def plain(batch: Batch, samples: float | Tensor) -> Tensor:
        assert not recording or (*batch.x0.shape, *batch.condition.shape) in met
        met.add((*batch.x0.shape, *batch.condition.shape))
        return trained.plain(batch, samples)

    def record(work: Work) -> Work:
        nonlocal recording
        recording = True
        work()
        recording = False
        for parameter, gradient in zip(trained.parameters, before, strict=True):
            assert parameter.grad is not None
            parameter.grad.copy_(gradient)
        return recorder(work)

    recorder, warnings = Recorder(), list[str]()
    passes = trained.recorded(record, warnings, plain, compiled=True)
    for seed in range(6):
        step = [batch((50, 150)[seed % 2], 10, seed=seed)]
        before = [torch.zeros_like(parameter) for parameter in trained.parameters]
        same(trained.result(passes, step), trained.result(trained.plain, step))
    assert not warnings
    assert recorder.made == 2
    assert recorder.replayed == 1 + 3 + 2  # the first bucket's check and its batches; the other's but its first


def test_a_pass_without_weight_adds_zeros_to_the_gradients_that_are_there(trained: Trained) -> None:
    passes = trained.recorded(Recorder(), [])
    step = [batch(50, 10)]
    wanted = trained.result(trained.plain, step)
    losses, gradients = trained.result(lambda given, _: [passes(given, 3), passes(given, math.inf)][0], step)
    same((losses, gradients), wanted)


def test_gradients_that_somebody_else_put_there_are_kept(trained: Trained) -> None:
    passes = trained.recorded(Recorder(), [])
    trained.result(passes, [batch(50, 10)])
    _, wanted = trained.result(trained.plain, [batch(50, 10)])
    for parameter in trained.parameters:
        parameter.grad = torch.ones_like(parameter)
    _, gradients = trained.result(passes, [batch(50, 10)])
    torch.testing.assert_close(gradients, [gradient + 1 for gradient in wanted], atol=1e-6, rtol=1e-4)


def test_the_recordings_longest_unused_are_let_go(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "_MOST", 2)
    recorder = Recorder()
    passes = trained.recorded(recorder, [])
    for frames in (50, 100, 50, 150, 50, 100):
        passes(batch(frames, 10), 1)
    assert recorder.made == 4  # 100 again


def test_a_recording_that_reads_its_samples_elsewhere_is_not_kept(trained: Trained) -> None:
    """As one of a pass that had copied them before it was recorded would."""
    given: list[Batch] = []
    copied: list[Batch] = []

    def plain(batch: Batch, samples: float | Tensor) -> Tensor:
        given[:] = [batch]
        return trained.plain(copied[0] if copied else batch, samples)

    def record(work: Work) -> Work:
        before = replace(given[0], x0=given[0].x0.clone(), noise=given[0].noise.clone())

        def replay() -> None:
            copied.append(before)
            work()
            copied.clear()

        return replay

    warnings: list[str] = []
    passes = trained.recorded(record, warnings, plain)
    step = [batch(50, 10), batch(30, 10, seed=1)]
    same(trained.result(passes, step), trained.result(trained.plain, step))
    assert len(warnings) == 1
    assert "off by" in warnings[0]


def test_a_recording_with_wrong_gradients_is_not_kept(trained: Trained) -> None:
    def spoil() -> None:
        gradient = trained.parameters[-1].grad
        assert gradient is not None
        gradient.mul_(2)

    warnings: list[str] = []
    passes = trained.recorded(Recorder(spoil), warnings)
    step = [batch(50, 10), batch(30, 10, seed=1)]
    same(trained.result(passes, step), trained.result(trained.plain, step))
    assert len(warnings) == 1


def test_what_cannot_be_recorded_is_told_once_and_done_plainly(trained: Trained) -> None:
    def record(_work: Work) -> Work:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    warnings: list[str] = []
    passes = trained.recorded(record, warnings)
    step = [batch(50, 10), batch(100, 10, seed=1)]
    same(trained.result(passes, step), trained.result(trained.plain, step))
    same(trained.result(passes, step), trained.result(trained.plain, step))
    assert warnings == ["RuntimeError: operation not permitted when stream is capturing"]


def test_a_full_memory_frees_the_recordings_and_is_told_to_who_can_try_again(trained: Trained) -> None:
    def record(_work: Work) -> Work:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    warnings: list[str] = []
    passes = trained.recorded(record, warnings)
    with pytest.raises(torch.OutOfMemoryError):
        passes(batch(50, 10), 1)
    for parameter in trained.parameters:
        parameter.grad = None
    step = [batch(50, 10)]
    same(trained.result(passes, step), trained.result(trained.plain, step))
    assert warnings == ["the memory does not suffice for them"]


def test_dropout_draws_the_same_in_the_pass_that_is_looked_at(trained: Trained) -> None:
    for module in trained.transformer.modules():
        if hasattr(module, "lora_dropout"):
            module.lora_dropout["default"] = torch.nn.Dropout(0.5)
    warnings: list[str] = []
    passes = trained.recorded(Recorder(), warnings)
    found = []
    for way in (passes, trained.plain, passes):
        torch.manual_seed(7)
        found.append(trained.result(way, [batch(64, 64)]))
    assert not warnings
    same(found[0], found[1])
    same(found[2], found[1])


@pytest.mark.parametrize(
    ("length", "parts", "wanted"), [(1, 16, 64), (64, 16, 64), (65, 16, 128), (750, 16, 768), (6000, 16, 6144)]
)
def test_lengths_are_rounded_up_by_little(length: int, parts: int, wanted: int) -> None:
    assert rounded(length, parts) == wanted


@pytest.mark.parametrize("parts", [4, 16])
def test_there_are_few_buckets(parts: int) -> None:
    lengths = [rounded(length, parts) for length in range(1, 15001)]
    assert all(bucket >= length for length, bucket in enumerate(lengths, 1))
    assert all(bucket - length < max(64, 2 * length / parts) for length, bucket in enumerate(lengths, 1))
    assert lengths == sorted(lengths)
    assert len(set(lengths)) < parts * 9


@pytest.mark.cuda
@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("policy", ["none", "all"])
def test_a_card_replays_what_it_computed(turbo: Path, policy: Policy, compiled: bool) -> None:
    if trust_flash(torch.device("cuda", 0)) is not None:
        pytest.skip("the card has no flash kernel")
    trained, warnings = Trained(turbo, "cuda:0", torch.bfloat16), list[str]()
    if compiled:
        compile_blocks(trained.transformer, lambda _kind: nullcontext(), warnings.append)
    use_checkpointing(trained.transformer, policy, draws=False)
    passes = trained.recorded(cuda_record(trained.device), warnings, compiled=compiled)
    for seed in range(3):
        step = [batch(50 + seed, 10, seed=seed), batch(400, 70, seed=seed)]
        found, wanted = trained.result(passes, step), trained.result(trained.plain, step)
        for ours, theirs in zip((*found[0], *found[1]), (*wanted[0], *wanted[1]), strict=True):
            assert (ours - theirs).norm() < 0.02 * theirs.norm()
    assert not warnings


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_recording_that_fails_leaves_the_card_in_its_own_stream() -> None:
    device = torch.device("cuda", 0)
    number, before = torch.zeros(1, device=device), torch.cuda.current_stream(device)
    with pytest.raises(RuntimeError):
        cuda_record(device)(lambda: number.fill_(number.item()))  # which waits for the card
    assert torch.cuda.current_stream(device) == before
