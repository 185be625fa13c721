"""What is measured in which order, what is not probed at all, and what a proposal may spend."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from sidestep_tui.engine.data.manifest import SongEntry
from sidestep_tui.engine.estimate.draws import Draw, draws
from sidestep_tui.engine.estimate.probe import probed
from sidestep_tui.engine.estimate.ranking import Ranking
from sidestep_tui.runs.events import BANDS


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_every_song_comes_in_every_band(count: int) -> None:
    songs = [SongEntry(str(number), "", 1, 1, "", 0.0, "", "") for number in range(count)]
    seen = [(draw.song.key, draw.band) for draw in draws(songs, 0, count * len(BANDS))]
    assert len(set(seen)) == count * len(BANDS)
    objective = Draw(0, songs[0], 1).objective
    assert (objective.timestep_low, objective.timestep_high) == pytest.approx((1 / 3, 2 / 3))
    assert objective.condition_dropout == 0


def test_a_layer_with_a_bias_is_not_probed() -> None:
    with pytest.raises(TypeError, match="without bias"), probed(nn.Sequential(nn.Linear(2, 2)), ["0"], print):
        pass


@pytest.fixture
def ranking() -> Ranking:
    """Of three modules of one size, each measured twice."""
    measured, draw = Ranking((1.0, 0.0, 0.0)), torch.Generator().manual_seed(0)
    for _ in range(2):
        for number in range(3):
            factors = (number + 1.0) * torch.randn(2, 5, 8, generator=draw)
            measured.observe(f"layers.{number}.mlp.up_proj", *factors)
        assert measured.take(0)
    return measured


def test_a_proposal_spends_what_a_uniform_adapter_would_whatever_its_floor(ranking: Ranking) -> None:
    transformer: Any = SimpleNamespace(get_submodule=lambda _name: nn.Linear(8, 8))
    settings: Any = SimpleNamespace(rank=2, rank_floor=5, rank_ceiling=8, kind_share=0.0, alpha_per_rank=1.5)
    proposal = ranking.proposal(transformer, settings)
    assert [(entry["rank"], entry["alpha"]) for entry in proposal] == [(2, 3.0)] * 3
    settings.rank_floor = 1
    assert sum(entry["rank"] for entry in ranking.proposal(transformer, settings)) == 6
