"""Ways to spend one budget of LoRA parameters, and the training that compares them for `bench.sensitivity`."""

import math
from collections.abc import Callable
from functools import partial
from typing import Protocol

import torch
from diffusers import AceStepTransformer1DModel
from peft import EvaConfig, LoraConfig, get_peft_model, initialize_lora_eva_weights
from torch import Tensor

from sidestep_tui.acestep import Checkpoint
from sidestep_tui.acestep.keymap import to_diffusers, to_original
from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.config.jobs import EstimateSettings
from sidestep_tui.engine.adapters.adapter import inject_new, trainable
from sidestep_tui.engine.adapters.targets import Target, all_targets
from sidestep_tui.engine.estimate.probe import probed
from sidestep_tui.engine.estimate.ranking import Ranking

DRAWS, SCALE, LEARNING_RATE = 24, 2.0, 2e-3


class Problem(Protocol):
    """What is to be learned, and on what. A problem knows its seed."""

    checkpoint: Checkpoint
    band_weights: tuple[float, ...]

    def model(self) -> AceStepTransformer1DModel:
        """A fresh copy of the frozen model."""

    def draw_loss(self, model: AceStepTransformer1DModel, draw: int) -> Tensor:
        """The loss of one draw of the estimate, of the band `draw % 3`; its inputs ask for gradients."""

    def step_loss(self, model: AceStepTransformer1DModel, step: int) -> Tensor:
        """The loss of a training step."""

    def held_out(self, model: AceStepTransformer1DModel) -> float:
        """The loss on what is never trained on."""


def rank_modules(problem: Problem) -> Ranking:
    """What `sidestep estimate` measures."""
    model, ranking = problem.model(), Ranking(problem.band_weights)
    names = [to_diffusers(name) for name in all_targets(problem.checkpoint.config)]
    with probed(model, names, lambda name, *factors: ranking.observe(to_original(name), *factors)):
        for draw in range(DRAWS):
            problem.draw_loss(model, draw).backward()
            ranking.take(draw % 3)
    return ranking


def uniform(_: AceStepTransformer1DModel, ranking: Ranking, rank: int) -> list[Target]:
    return [Target(place.module, rank, SCALE * rank) for place in ranking.places()]


def top_quarter(model: AceStepTransformer1DModel, ranking: Ranking, rank: int) -> list[Target]:
    """The whole budget in equal ranks on the quarter of the modules that are most sensitive."""

    def cost(name: str) -> int:
        return sum(model.get_submodule(to_diffusers(name)).weight.shape)

    places = ranking.places()
    chosen = [place.module for place in places[: len(places) // 4]]
    own = max(1, rank * sum(cost(place.module) for place in places) // sum(map(cost, chosen)))
    return [Target(name, own, SCALE * own) for name in chosen]


def allocated(model: AceStepTransformer1DModel, ranking: Ranking, rank: int) -> list[Target]:
    settings = EstimateSettings.model_validate(
        {"model": {"checkpoint": "m"}, "tensors": "t", "rank": rank, "alpha_per_rank": SCALE}
    )
    return [Target(one["module"], one["rank"], one["alpha"]) for one in ranking.proposal(model, settings)]


Choose = Callable[[AceStepTransformer1DModel, Ranking, int], list[Target]]
CHOICES: dict[str, Choose] = {"uniform": uniform, "top quarter": top_quarter, "allocated": allocated}


def students(problem: Problem, ranking: Ranking, rank: int, seed: int) -> dict[str, AceStepTransformer1DModel]:
    """A model with a fresh adapter by each method."""
    made = {}
    for name, choose in CHOICES.items():
        made[name] = problem.model()
        targets = choose(made[name], ranking, rank)
        inject_new(made[name], LoraSettings(rank=rank, alpha=SCALE * rank), targets, seed)
    made["eva"] = eva_student(problem, rank)
    return made


def eva_student(problem: Problem, rank: int) -> AceStepTransformer1DModel:
    """PEFT's EVA: A from the leading directions of each module's inputs, ranks redistributed by explained variance."""
    model = problem.model()
    config = LoraConfig(
        r=rank, lora_alpha=SCALE * rank, init_lora_weights="eva", eva_config=EvaConfig(rho=2.0),
        target_modules=[to_diffusers(name) for name in all_targets(problem.checkpoint.config)],
    )  # fmt: skip
    initialize_lora_eva_weights(
        get_peft_model(model, config),
        dataloader=[partial(problem.draw_loss, draw=draw) for draw in range(DRAWS)],
        forward_fn=lambda _, loss_of_draw: loss_of_draw(model),
        prepare_model_inputs_fn=None,
        prepare_layer_inputs_fn=lambda layer_input, _, __: (
            (layer_input[0] if isinstance(layer_input, tuple) else layer_input).flatten(0, -2).contiguous()
        ),
        show_progress_bar=False,
    )
    return model


def train(problem: Problem, model: AceStepTransformer1DModel, steps: int) -> float:
    """The loss on what was held out, after training the adapter."""
    optimizer = torch.optim.AdamW(list(trainable(model).values()), LEARNING_RATE)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * (1 + math.cos(math.pi * step / steps)) / 2
        problem.step_loss(model, step).backward()
        optimizer.step()
        optimizer.zero_grad()
    return problem.held_out(model)
