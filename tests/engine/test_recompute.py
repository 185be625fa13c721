"""Recomputing activations changes nothing but memory, also where long attention is kept instead of repeated."""

from pathlib import Path

import torch

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.acestep.fast import use_fast_blocks
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.engine.adapter import inject_new, trainable
from sidestep_tui.engine.recompute import Policy, use_checkpointing
from sidestep_tui.engine.targets import choose_targets

FRAMES = 2110  # 1055 tokens: the full-attention layers are long enough for their results to be kept


def _gradients(turbo: Path, policy: Policy) -> tuple[dict[str, torch.Tensor], int]:
    """The adapter's gradients, and how often an attention kernel ran."""
    checkpoint = open_checkpoint(turbo)
    transformer = checkpoint.load_transformer("cpu", torch.float32)
    settings = LoraSettings(rank=4)
    inject_new(transformer, settings, choose_targets(settings, checkpoint.config), seed=1)
    g = torch.Generator().manual_seed(2)
    for parameter in trainable(transformer).values():
        parameter.data = 0.1 * torch.randn(parameter.shape, generator=g)
    use_fast_blocks(transformer)
    use_checkpointing(transformer, policy)
    x, condition = torch.randn(1, FRAMES, 64, generator=g), torch.randn(1, 9, 64, generator=g)
    context = torch.randn(1, FRAMES, 128, generator=g)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        velocity(transformer, x, torch.tensor([0.5]), condition, context).square().mean().backward()
    runs = sum(e.count for e in profile.key_averages() if e.key == "aten::_scaled_dot_product_flash_attention_for_cpu")
    gradients = {name: p.grad for name, p in trainable(transformer).items() if p.grad is not None}
    return gradients, runs


def test_recomputed_gradients_equal_kept_ones_and_long_attention_runs_once(turbo: Path) -> None:
    kept, once = _gradients(turbo, "none")
    for policy in ("half", "all"):
        again, runs = _gradients(turbo, policy)
        assert again.keys() == kept.keys()
        for name, gradient in kept.items():
            torch.testing.assert_close(again[name], gradient, atol=1e-7, rtol=1e-5)
        if policy == "all":
            # Of 8 attentions the 2 long ones are kept; the windowed and the cross ones are cheap and run again. The
            # profiler sees a call twice under selective checkpointing, and the look-up of a kept result once.
            assert runs == 4 * once - 2
