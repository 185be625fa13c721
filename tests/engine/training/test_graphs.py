"""Recorded passes: what they are given and give, with work that is done again in place of a card's graphs."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sidestep_tui.engine.data.batches import Batch
from sidestep_tui.engine.training import graphs
from sidestep_tui.engine.training.buckets import rounded
from sidestep_tui.engine.training.graphs import Work
from tests.engine.training.recorded import Recorder, RecordingBy, Trained, batch, same


@pytest.fixture
def trained(turbo: Path) -> Trained:
    return Trained(turbo)


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
        return recorder.record(work)

    recorder, warnings = Recorder(), list[str]()
    passes = trained.recorded(RecordingBy(record), warnings, plain, compiled=True)
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
    passes = trained.recorded(RecordingBy(record), warnings, plain)
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
    passes = trained.recorded(RecordingBy(record), warnings)
    step = [batch(50, 10), batch(100, 10, seed=1)]
    same(trained.result(passes, step), trained.result(trained.plain, step))
    same(trained.result(passes, step), trained.result(trained.plain, step))
    assert warnings == ["RuntimeError: operation not permitted when stream is capturing"]


def test_what_failed_is_told_and_not_that_the_recording_could_not_be_ended(trained: Trained) -> None:
    def record(_work: Work) -> Work:
        try:
            raise RuntimeError("operation not permitted when stream is capturing\nmore")
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")

    warnings: list[str] = []
    trained.recorded(RecordingBy(record), warnings)(batch(50, 10), 1)
    assert warnings == ["RuntimeError: operation not permitted when stream is capturing"]


def test_a_pass_that_fails_by_itself_is_not_done_again_on_top_of_what_it_left(trained: Trained) -> None:
    """Who has asked for it knows whether it may be repeated, and what of the gradients is whole."""
    fails = False

    def plain(batch: Batch, samples: float | Tensor) -> Tensor:
        losses = trained.plain(batch, samples)
        if fails:
            raise RuntimeError("OutOfResources: shared memory")
        return losses

    warnings: list[str] = []
    passes = trained.recorded(Recorder(), warnings, plain, compiled=True)
    passes(batch(50, 10), 1)
    fails = True
    with pytest.raises(RuntimeError, match="OutOfResources"):
        passes(batch(150, 10), 1)
    fails = False
    for parameter in trained.parameters:
        parameter.grad = None
    step = [batch(150, 10)]
    same(trained.result(passes, step), trained.result(trained.plain, step))
    assert not warnings


def test_a_full_memory_frees_the_recordings_and_is_told_to_who_can_try_again(trained: Trained) -> None:
    def record(_work: Work) -> Work:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    warnings: list[str] = []
    passes = trained.recorded(RecordingBy(record), warnings)
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
