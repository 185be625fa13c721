"""48 micro-steps of another trainer's run with every draw recorded, replayed by our training step."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.acestep.attention import use_banded_attention
from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.config.optimisation import OptimizerSettings, ScheduleSettings
from sidestep_tui.engine.adapters.adapter import adapter_weights, inject_new, put_weights, trainable
from sidestep_tui.engine.adapters.targets import choose_targets
from sidestep_tui.engine.data.batches import Batch
from sidestep_tui.engine.memory.recompute import use_checkpointing
from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.engine.training.optimizer import build_optimizer, set_rate
from sidestep_tui.engine.training.schedule import learning_rate_ratio
from sidestep_tui.engine.training.step import StepShare, accumulate_gradients, plain_passes


def _batch(sample: dict[str, torch.Tensor], noise: torch.Tensor, t: torch.Tensor, condition: torch.Tensor) -> Batch:
    return Batch(
        keys=("song",),
        x0=sample["target_latents"][None],
        noise=noise[None],
        t=t[None],
        condition=condition[None],
        context=sample["context_latents"][None],
        lengths=None,
        condition_lengths=None,
        importance=torch.ones(1),
        bands=(0,),
    )


def _share(batches: list[Batch]) -> StepShare:
    return StepShare(tuple(batches), tuple(range(len(batches))), len(batches))


@pytest.mark.parametrize("attention", ["banded", "reference"])
def test_the_recorded_run_is_replayed(
    reference_folder: Path, reference_checkpoint: Callable[[str], Path], attention: str
) -> None:
    path = reference_folder / "expected" / "trajectory_lora.safetensors"
    recorded = load_file(path)
    with safe_open(path, "pt") as file:
        config = json.loads(file.metadata()["config"])
    samples = [torch.load(reference_folder / "samples" / f"s{index}.pt", weights_only=True) for index in range(4)]
    checkpoint = open_checkpoint(reference_checkpoint("acestep-v15-turbo"))
    transformer = checkpoint.load_transformer("cpu", torch.float32)
    null = checkpoint.load_condition_encoder("cpu", torch.float32).null_condition_emb[0]
    if attention == "banded":
        use_banded_attention(transformer)

    adapter = LoraSettings(rank=config["rank"], alpha=config["alpha"])
    inject_new(transformer, adapter, choose_targets(adapter, checkpoint.config), seed=0)
    put_weights(transformer, {k.removeprefix("init."): v for k, v in recorded.items() if k.startswith("init.")})
    use_checkpointing(transformer, "all")
    transformer.train()
    parameters = trainable(transformer)
    optimizer = build_optimizer(parameters, OptimizerSettings(learning_rate=config["learning_rate"]), adapter)
    schedule = ScheduleSettings(warmup_steps=config["warmup_steps"])

    passes = plain_passes(transformer, ObjectiveSettings())
    steps, per_step = len(recorded["opt.lr_after"]), config["gradient_accumulation"]
    for step in range(steps):
        batches, wanted = [], []
        for micro in range(step * per_step, (step + 1) * per_step):
            sample = samples[int(recorded["micro.idx"][micro])]
            keep = bool(recorded["micro.keep"][micro])
            condition = sample["encoder_hidden_states"]
            condition = condition if keep else null.expand(len(condition), -1)
            batches.append(_batch(sample, recorded[f"x1.{micro:03d}"], recorded["micro.t"][micro], condition))
            wanted.append(float(recorded["micro.loss"][micro]))
        set_rate(optimizer, learning_rate_ratio(schedule, step, steps))
        losses, _ = accumulate_gradients(passes, list(parameters.values()), _share(batches), 1.0, (0, step), Ranks())
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        assert losses == pytest.approx(wanted, rel=2e-6)
        ratio = learning_rate_ratio(schedule, step + 1, steps)
        assert ratio * config["learning_rate"] == pytest.approx(float(recorded["opt.lr_after"][step]), rel=1e-9)

    final = {k.removeprefix("final."): v for k, v in recorded.items() if k.startswith("final.")}
    ours = adapter_weights(transformer)
    assert ours.keys() == final.keys()
    off = sum((ours[key] - value).square().sum() for key, value in final.items())
    moved = sum((recorded[f"init.{key}"] - value).square().sum() for key, value in final.items())
    # Adam divides by the gradient's own size, so rounding grows where a gradient is nearly zero.
    assert torch.sqrt(torch.as_tensor(off / moved)).item() < 2e-4


def test_one_token_of_the_null_condition_stands_for_a_whole_sequence(
    reference_folder: Path, reference_checkpoint: Callable[[str], Path]
) -> None:
    checkpoint = open_checkpoint(reference_checkpoint("acestep-v15-turbo"))
    transformer = checkpoint.load_transformer("cpu", torch.float32)
    use_banded_attention(transformer)
    adapter = LoraSettings(rank=4)
    inject_new(transformer, adapter, choose_targets(adapter, checkpoint.config), seed=0)
    parameters = trainable(transformer)
    null = checkpoint.load_condition_encoder("cpu", torch.float32).null_condition_emb[0]
    sample = torch.load(reference_folder / "samples" / "s0.pt", weights_only=True)
    noise = torch.randn(sample["target_latents"].shape, generator=torch.Generator().manual_seed(0))
    passes = plain_passes(transformer, ObjectiveSettings())
    results = []
    for tokens in (1, 60):
        batch = _batch(sample, noise, torch.tensor(0.6), null.expand(tokens, -1))
        losses, _ = accumulate_gradients(passes, list(parameters.values()), _share([batch]), 0, (0, 0), Ranks())
        results.append((losses[0], [p.grad.clone() for p in parameters.values() if p.grad is not None]))
        for parameter in parameters.values():
            parameter.grad = None
    (one, one_gradients), (many, many_gradients) = results
    assert one == pytest.approx(many, rel=1e-6)
    assert len(one_gradients) == len(many_gradients) == len(parameters)
    off = sum((a - b).square().sum() for a, b in zip(one_gradients, many_gradients, strict=True))
    size = sum(gradient.square().sum() for gradient in many_gradients)
    assert torch.sqrt(torch.as_tensor(off / size)).item() < 1e-5
