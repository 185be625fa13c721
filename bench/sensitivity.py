"""Does spending ranks by sensitivity help? Equal parameters, several seeds, a planted structure whose answer is known.

    python bench/sensitivity.py [--seeds 5] [--steps 200] [--rank 4]

A teacher is the tiny model with low-rank changes planted in a few of its modules; students learn the teacher's
velocity on random inputs. Compared at equal numbers of parameters: one rank everywhere, the same budget on the most
sensitive quarter of the modules (as other tools choose their targets), PEFT's EVA initialisation (arXiv:2410.07170)
with its own rank redistribution, and the allocation of `sidestep estimate`.
"""

import argparse
import math
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from common import describe_machine
from diffusers import AceStepTransformer1DModel
from peft import EvaConfig, LoraConfig, get_peft_model, initialize_lora_eva_weights
from torch import Tensor

from sidestep_tui.acestep import Checkpoint, open_checkpoint
from sidestep_tui.acestep.attention import use_banded_attention
from sidestep_tui.acestep.keymap import to_diffusers, to_original
from sidestep_tui.acestep.tiny import build_tiny_checkpoint
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.config.jobs import EstimateSettings
from sidestep_tui.engine.adapter import inject_new, trainable
from sidestep_tui.engine.probe import probed
from sidestep_tui.engine.ranking import Ranking
from sidestep_tui.engine.targets import Target, all_targets

PLANTED_MODULES, PLANTED_RANK, PLANTED_SIZE = 6, 4, 0.5
FRAMES, TOKENS, BATCH, DRAWS = 48, 10, 4, 24
SCALE = 2.0


@dataclass(frozen=True)
class Inputs:
    """A batch for the DiT: latents [B, T, 64], timesteps [B], condition [B, L, D], context [B, T, 128]."""

    x: Tensor
    t: Tensor
    condition: Tensor
    context: Tensor

    def answer(self, model: AceStepTransformer1DModel) -> Tensor:
        return velocity(model, self.x, self.t, self.condition, self.context)


def inputs(width: int, seed: int, count: int = BATCH) -> Inputs:
    g = torch.Generator().manual_seed(seed)
    return Inputs(
        torch.randn(count, FRAMES, 64, generator=g),
        torch.rand(count, generator=g),
        torch.randn(count, TOKENS, width, generator=g),
        torch.randn(count, FRAMES, 128, generator=g),
    )


def load(checkpoint: Checkpoint) -> AceStepTransformer1DModel:
    model = checkpoint.load_transformer("cpu", torch.float32)
    use_banded_attention(model)
    return model


def plant(checkpoint: Checkpoint, seed: int) -> tuple[AceStepTransformer1DModel, set[str]]:
    """A teacher, and the modules in which it differs from the base."""
    teacher, names = load(checkpoint), all_targets(checkpoint.config)
    g = torch.Generator().manual_seed(seed)
    chosen = {names[index] for index in torch.randperm(len(names), generator=g)[:PLANTED_MODULES].tolist()}
    for name in sorted(chosen):
        weight = teacher.get_submodule(to_diffusers(name)).weight
        delta = torch.randn(weight.shape[0], PLANTED_RANK, generator=g) @ torch.randn(
            PLANTED_RANK, weight.shape[1], generator=g
        )
        weight.data += PLANTED_SIZE * weight.norm() / delta.norm() * delta
    return teacher, chosen


def rank_modules(checkpoint: Checkpoint, teacher: AceStepTransformer1DModel, seed: int) -> Ranking:
    """What `sidestep estimate` measures, with the distance to the teacher as the loss."""
    model, ranking = load(checkpoint), Ranking((1 / 3, 1 / 3, 1 / 3))
    names = [to_diffusers(name) for name in all_targets(checkpoint.config)]
    with probed(model, names, lambda name, *factors: ranking.observe(to_original(name), *factors)):
        for draw in range(DRAWS):
            batch = inputs(checkpoint.config.encoder_hidden_size, 10_000 * seed + draw, count=1)
            with torch.no_grad():
                wanted = batch.answer(teacher)
            batch.x.requires_grad_()
            batch.condition.requires_grad_()
            (batch.answer(model) - wanted).square().mean().backward()
            ranking.take(draw % 3)
    return ranking


def cost(model: AceStepTransformer1DModel, name: str) -> int:
    return sum(model.get_submodule(to_diffusers(name)).weight.shape)


def uniform(_: AceStepTransformer1DModel, ranking: Ranking, rank: int) -> list[Target]:
    return [Target(place.module, rank, SCALE * rank) for place in ranking.places()]


def top_quarter(model: AceStepTransformer1DModel, ranking: Ranking, rank: int) -> list[Target]:
    """The whole budget in equal ranks on the quarter of the modules that are most sensitive."""
    places = ranking.places()
    chosen = [place.module for place in places[: len(places) // 4]]
    budget = rank * sum(cost(model, place.module) for place in places)
    own = max(1, budget // sum(cost(model, name) for name in chosen))
    return [Target(name, own, SCALE * own) for name in chosen]


def allocated(model: AceStepTransformer1DModel, ranking: Ranking, rank: int) -> list[Target]:
    settings = EstimateSettings.model_validate(
        {"model": {"checkpoint": "m"}, "tensors": "t", "rank": rank, "alpha_per_rank": SCALE}
    )
    return [Target(one["module"], one["rank"], one["alpha"]) for one in ranking.proposal(model, settings)]


def student(checkpoint: Checkpoint, targets: Sequence[Target], rank: int, seed: int) -> AceStepTransformer1DModel:
    model = load(checkpoint)
    inject_new(model, LoraSettings(rank=rank, alpha=SCALE * rank), targets, seed)
    return model


def eva_student(checkpoint: Checkpoint, rank: int, seed: int) -> AceStepTransformer1DModel:
    """PEFT's EVA: A from the leading directions of each module's inputs, ranks redistributed by explained variance."""
    model, width = load(checkpoint), checkpoint.config.encoder_hidden_size
    config = LoraConfig(
        r=rank, lora_alpha=SCALE * rank, init_lora_weights="eva", eva_config=EvaConfig(rho=2.0),
        target_modules=[to_diffusers(name) for name in all_targets(checkpoint.config)],
    )  # fmt: skip
    adapted = get_peft_model(model, config)
    initialize_lora_eva_weights(
        adapted,
        dataloader=[inputs(width, 10_000 * seed + draw) for draw in range(DRAWS)],
        forward_fn=lambda _, batch: batch.answer(model),
        prepare_model_inputs_fn=None,
        prepare_layer_inputs_fn=lambda layer_input, _, __: (
            layer_input[0] if isinstance(layer_input, tuple) else layer_input
        ).flatten(0, -2),
        show_progress_bar=False,
    )
    return model


def train(
    model: AceStepTransformer1DModel, teacher: AceStepTransformer1DModel, width: int, seed: int, steps: int
) -> float:
    """The distance to the teacher on inputs never trained on, as a share of the base model's."""
    parameters = list(trainable(model).values())
    optimizer = torch.optim.AdamW(parameters, 2e-3)
    held_out = [inputs(width, 900_000 + index) for index in range(8)]
    with torch.no_grad():
        answers = [batch.answer(teacher) for batch in held_out]

    def distance() -> float:
        with torch.no_grad():
            pairs = zip(held_out, answers, strict=True)
            return statistics.fmean((batch.answer(model) - answer).square().mean().item() for batch, answer in pairs)

    before = distance()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 + math.cos(math.pi * step / steps)) / 2
        batch = inputs(width, 100_000 + 1_000 * seed + step)
        with torch.no_grad():
            wanted = batch.answer(teacher)
        (batch.answer(model) - wanted).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    return distance() / before


Allocation = Callable[[AceStepTransformer1DModel, Ranking, int], list[Target]]
ALLOCATIONS: dict[str, Allocation] = {"uniform": uniform, "top quarter": top_quarter, "allocated": allocated}


def measure(checkpoint: Checkpoint, seed: int, rank: int, steps: int) -> tuple[dict[str, float], dict[str, int], float]:
    """Final distances and parameters by method, and the share of planted modules among the strongest."""
    width = checkpoint.config.encoder_hidden_size
    teacher, planted = plant(checkpoint, seed)
    ranking = rank_modules(checkpoint, teacher, seed)
    found = len(planted & {place.module for place in ranking.places()[: len(planted)]}) / len(planted)
    students = {
        name: student(checkpoint, choose(load(checkpoint), ranking, rank), rank, seed)
        for name, choose in ALLOCATIONS.items()
    }
    students["eva"] = eva_student(checkpoint, rank, seed)
    sizes = {name: sum(p.numel() for p in trainable(model).values()) for name, model in students.items()}
    losses = {name: train(model, teacher, width, seed, steps) for name, model in students.items()}
    return losses, sizes, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rank", type=int, default=4)
    options = parser.parse_args()
    print(describe_machine(torch.device("cpu")))
    with tempfile.TemporaryDirectory() as folder:
        build_tiny_checkpoint(Path(folder) / "tiny")
        checkpoint = open_checkpoint(Path(folder) / "tiny")
        results = [measure(checkpoint, seed, options.rank, options.steps) for seed in range(options.seeds)]
    print(f"planted modules among the strongest: {statistics.fmean(found for *_, found in results):.0%}")
    print(f"{'method':12} {'parameters':>10} {'remaining distance, mean ± standard error':>42} {'against uniform':>16}")
    for name in results[0][0]:
        losses = [losses[name] for losses, _, _ in results]
        ratios = [losses[name] / losses["uniform"] for losses, _, _ in results]
        error = statistics.stdev(losses) / math.sqrt(len(losses))
        spread = statistics.stdev(ratios) / math.sqrt(len(ratios))
        print(
            f"{name:12} {results[0][1][name]:>10,} {statistics.fmean(losses):>33.4f} ± {error:.4f} "
            f"{statistics.fmean(ratios):>8.3f} ± {spread:.3f}"
        )


if __name__ == "__main__":
    main()
