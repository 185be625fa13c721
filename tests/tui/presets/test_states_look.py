"""How the presets look where there is none, where one is damaged, and where an import is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sidestep_tui.config.presets.shelf import Damaged, Shelf
from sidestep_tui.errors import SidestepError
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.presets import screen as screen_module

from ..conftest import SIZES
from .support import paste

MakeApp = Callable[..., SidestepApp]
Looks = Callable[..., bool]

pytestmark = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
TORN = SidestepError("The preset is not JSON: Expecting ',' delimiter, line 3, column 5.", fix="correct it there")


@pytest.mark.parametrize(
    "shelf",
    [Shelf(), Shelf(damaged=(Damaged("torn", "user", Path("/home/me/torn.json"), TORN),))],
    ids=["none", "damaged"],
)
def test_presets_that_cannot_be_used_look(
    shelf: Shelf, size: tuple[int, int], make_app: MakeApp, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen_module, "read_shelf", lambda _folder: shelf)
    assert looks(make_app("presets"), size)


@pytest.mark.parametrize(
    "text",
    ['{"name": "../../etc/x", "settings": {}}', '{"name": "a", "settings": {"adapter": {"rank": "many"}}}', "[" * 20],
    ids=["path", "type", "no-json"],
)
def test_a_refused_import_looks(text: str, size: tuple[int, int], make_app: MakeApp, looks: Looks) -> None:
    async def prepare(pilot: Pilot[None]) -> None:
        await paste(pilot, text)

    assert looks(make_app("presets"), size, prepare)
