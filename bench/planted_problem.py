"""A problem whose answer is known: a teacher that differs from the tiny model by low-rank changes in a few modules."""

import statistics

import torch
from diffusers import AceStepTransformer1DModel
from torch import Tensor

from sidestep_tui.acestep import Checkpoint
from sidestep_tui.acestep.attention import use_banded_attention
from sidestep_tui.acestep.keymap import to_diffusers
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.engine.adapters.targets import all_targets
from sidestep_tui.engine.estimate.ranking import Ranking

PLANTED_MODULES, PLANTED_RANK, PLANTED_SIZE = 6, 4, 0.5
FRAMES, TOKENS, BATCH = 48, 10, 4


class PlantedProblem:
    """Learn the teacher's velocity on random inputs; the held-out loss is a share of the untrained model's."""

    band_weights = (1 / 3, 1 / 3, 1 / 3)

    def __init__(self, checkpoint: Checkpoint, seed: int) -> None:
        self.checkpoint, self._seed = checkpoint, seed
        self._teacher, self._planted = self.model(), set[str]()
        self._plant()
        self._before = 1.0
        self._before = self.held_out(self.model())

    def model(self) -> AceStepTransformer1DModel:
        model = self.checkpoint.load_transformer("cpu", torch.float32)
        use_banded_attention(model)
        return model

    def draw_loss(self, model: AceStepTransformer1DModel, draw: int) -> Tensor:
        return self._loss(model, 10_000 * self._seed + draw, count=1, gradients=True)

    def step_loss(self, model: AceStepTransformer1DModel, step: int) -> Tensor:
        return self._loss(model, 100_000 + 1_000 * self._seed + step)

    def held_out(self, model: AceStepTransformer1DModel) -> float:
        with torch.no_grad():
            losses = [self._loss(model, 900_000 + index).item() for index in range(8)]
        return statistics.fmean(losses) / self._before

    def share_found(self, ranking: Ranking) -> float:
        """The share of the planted modules among as many strongest ones."""
        strongest = {place.module for place in ranking.places()[: len(self._planted)]}
        return len(self._planted & strongest) / len(self._planted)

    def _plant(self) -> None:
        names, g = all_targets(self.checkpoint.config), torch.Generator().manual_seed(self._seed)
        self._planted = {names[index] for index in torch.randperm(len(names), generator=g)[:PLANTED_MODULES].tolist()}
        for name in sorted(self._planted):
            weight = self._teacher.get_submodule(to_diffusers(name)).weight
            delta = torch.randn(weight.shape[0], PLANTED_RANK, generator=g) @ torch.randn(
                PLANTED_RANK, weight.shape[1], generator=g
            )
            weight.data += PLANTED_SIZE * weight.norm() / delta.norm() * delta

    def _loss(self, model: AceStepTransformer1DModel, seed: int, count: int = BATCH, gradients: bool = False) -> Tensor:
        g, width = torch.Generator().manual_seed(seed), self.checkpoint.config.encoder_hidden_size
        x, t = torch.randn(count, FRAMES, 64, generator=g), torch.rand(count, generator=g)
        condition = torch.randn(count, TOKENS, width, generator=g)
        context = torch.randn(count, FRAMES, 128, generator=g)
        with torch.no_grad():
            wanted = velocity(self._teacher, x, t, condition, context)
        if gradients:
            x.requires_grad_()
            condition.requires_grad_()
        return (velocity(model, x, t, condition, context) - wanted).square().mean()
