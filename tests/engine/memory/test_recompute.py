"""Recomputing activations changes nothing but memory, also where long attention is kept instead of repeated."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sidestep_tui.acestep import cpu_attention, open_checkpoint
from sidestep_tui.acestep.fast import use_fast_blocks
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.config.train import Checkpointing
from sidestep_tui.engine.adapters.adapter import inject_new, trainable
from sidestep_tui.engine.adapters.targets import choose_targets
from sidestep_tui.engine.memory.recompute import use_checkpointing

FRAMES = 2110  # 1055 tokens: the full-attention layers are long enough for their results to be kept


def _gradients(turbo: Path, policy: Checkpointing, device: str = "cpu") -> tuple[dict[str, torch.Tensor], int]:
    """The adapter's gradients, and how often an attention kernel ran."""
    checkpoint = open_checkpoint(turbo)
    transformer = checkpoint.load_transformer(device, torch.float32)
    settings = LoraSettings(rank=4)
    inject_new(transformer, settings, choose_targets(settings, checkpoint.config), seed=1)
    g = torch.Generator().manual_seed(2)
    for parameter in trainable(transformer).values():
        parameter.data = 0.1 * torch.randn(parameter.shape, generator=g).to(device)
    use_fast_blocks(transformer)
    use_checkpointing(transformer, policy)
    shapes = ((1, FRAMES, 64), (1, 9, 64), (1, FRAMES, 128))
    x, condition, context = (torch.randn(shape, generator=g).to(device) for shape in shapes)
    t = torch.tensor([0.5], device=device)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        velocity(transformer, x, t, condition, context).square().mean().backward()
    runs = sum(e.count for e in profile.key_averages() if e.key == "aten::_scaled_dot_product_flash_attention_for_cpu")
    gradients = {name: p.grad for name, p in trainable(transformer).items() if p.grad is not None}
    return gradients, runs


def test_recomputed_gradients_equal_kept_ones_and_long_attention_runs_once(
    turbo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu_attention, "ASK_ONEDNN", False)
    kept, once = _gradients(turbo, "none")
    for policy in ("half", "all", "offload"):
        again, runs = _gradients(turbo, policy)
        assert again.keys() == kept.keys()
        for name, gradient in kept.items():
            torch.testing.assert_close(again[name], gradient, atol=1e-7, rtol=1e-5)
        if policy != "half":
            # Of 8 attentions the 2 long ones are kept; the windowed and the cross ones are cheap and run again. The
            # profiler sees a call twice under selective checkpointing, and the look-up of a kept result once.
            assert runs == 4 * once - 2


@pytest.mark.parametrize("lengths", [(21,), (21, 13)])
@pytest.mark.parametrize("policy", ["half", "all", "offload"])
def test_what_is_recomputed_drops_the_same(turbo: Path, policy: Checkpointing, lengths: tuple[int, ...]) -> None:
    kept, again = (_small_gradients(turbo, which, lengths) for which in ("none", policy))
    for name, gradient in kept.items():
        torch.testing.assert_close(again[name], gradient, atol=1e-7, rtol=1e-5)


def _small_gradients(turbo: Path, policy: Checkpointing, lengths: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """Gradients by songs of these lengths of an adapter half of which is dropped, from one state of the generator."""
    checkpoint = open_checkpoint(turbo)
    transformer = checkpoint.load_transformer("cpu", torch.float32)
    settings = LoraSettings(rank=4, dropout=0.5)
    inject_new(transformer, settings, choose_targets(settings, checkpoint.config), seed=1)
    g = torch.Generator().manual_seed(2)
    for parameter in trainable(transformer).values():
        parameter.data = 0.1 * torch.randn(parameter.shape, generator=g)
    use_fast_blocks(transformer)
    use_checkpointing(transformer.train(), policy)
    count, ends = len(lengths), torch.tensor(lengths) if len(lengths) > 1 else None
    x, condition, context = (torch.randn(count, *shape, generator=g) for shape in ((21, 64), (9, 64), (21, 128)))
    torch.manual_seed(7)
    velocity(transformer, x, torch.full((count,), 0.5), condition, context, ends).square().mean().backward()
    return {name: p.grad for name, p in trainable(transformer).items() if p.grad is not None}


class AttentionByProducts(TorchDispatchMode):
    """Counts the attentions that are made of products, by their number of keys."""

    def __init__(self) -> None:
        super().__init__()
        self.of_keys: Counter[int] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        if function is torch.ops.sidestep.attention_by_products.default:
            self.of_keys[arguments[1].shape[1]] += 1
        return function(*arguments, **(named or {}))


def test_long_attention_made_of_products_is_kept_as_well(turbo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_attention, "ASK_ONEDNN", True)
    with AttentionByProducts() as once:
        kept, _ = _gradients(turbo, "none")
    with AttentionByProducts() as twice:
        again, _ = _gradients(turbo, "all")
    for name, gradient in kept.items():
        torch.testing.assert_close(again[name], gradient, atol=1e-7, rtol=1e-5)
    # 2 long attentions and 4 cross ones, whose forward runs again; the windowed are SDPA's.
    assert once.of_keys == {FRAMES // 2: 2, 9: 4}
    assert twice.of_keys == {FRAMES // 2: 2, 9: 8}


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_inputs_that_wait_on_the_host_take_no_card_memory(turbo: Path) -> None:
    peaks, gradients = [], []
    for policy in ("all", "offload"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        gradients.append(_gradients(turbo, policy, "cuda")[0])
        peaks.append(torch.cuda.max_memory_allocated() - before)
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-7, rtol=1e-5)
    assert peaks[1] < peaks[0]
