"""How the wizard looks: each kind of step, an error, a run that does not fit, the review, its lists."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from sidestep_tui.config.memory.estimate import GIB
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.wizard.views import Figures

from ..conftest import SIZES
from .conftest import settle

Press = tuple[str, ...]
LAST: Press = ("s", "end", "enter")
CASES: dict[str, tuple[dict[str, Any], Press]] = {
    "first": ({}, ()),
    "adapter": ({}, ("n", "n")),
    "adapter-advanced": ({"adapter.family": "lokr"}, ("n", "n", "a")),
    "typing-an-error": ({}, ("n", "n", "down", "down", "down", "9", "9", "9", "9")),
    "epochs": ({}, ("n",) * 5),
    "too-large": ({"memory.checkpointing": "none", "adapter.rank": 256, "training.batch_size": 2}, ("n",) * 6),
    "search": ({}, ("slash", *"learning")),
    "choices": ({}, ("n", "n", "enter")),
    "review": ({"adapter.rank": 16, "optimizer.learning_rate": 3e-4}, LAST),
    "review-songs": ({"data.tensors": "/data/my songs"}, LAST),
}


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_measured_figures_look(
    size: tuple[int, int],
    snap_compare: Any,
    make_app: Callable[..., SidestepApp],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    figures = Figures(seconds=0.514, peak=5 * GIB)
    monkeypatch.setattr("sidestep_tui.tui.wizard.state.figures_for", lambda *_: figures)
    assert snap_compare(make_app("wizard"), terminal_size=size, run_before=prepared({}, LAST))


def prepared(values: dict[str, Any], keys: Press) -> Callable[[Pilot[None]], Awaitable[None]]:
    """Sets model, songs and values, waits for what is looked up, and presses the keys."""

    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot)
        screen: Any = pilot.app.screen
        screen.state.chosen_name = "/runs/my-album"
        places = {"model.checkpoint": "/models/model-turbo", "data.tensors": "/data/tensors-album"}
        await screen.take(screen.state.document.set_all({**places, **values}))
        await settle(pilot)
        await pilot.press(*keys)
        await pilot.pause()

    return run


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("case", CASES)
def test_wizard_looks(
    case: str, size: tuple[int, int], snap_compare: Any, make_app: Callable[..., SidestepApp]
) -> None:
    assert snap_compare(make_app("wizard"), terminal_size=size, run_before=prepared(*CASES[case]))
