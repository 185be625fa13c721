"""Home where the folder of the runs cannot be read: it says so, and the machine is shown all the same."""

from pathlib import Path

import pytest

from sidestep_tui.config.places import run_index
from sidestep_tui.runs.history import remember_run
from sidestep_tui.tui.follow import RunCatalog

from ..conftest import MakeApp, MakeRun, Settle, shown


async def test_the_machine_is_shown_where_the_runs_cannot_be_read(
    make_app: MakeApp, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_catalog: RunCatalog) -> None:
        raise PermissionError(13, "Permission denied", "/data/runs")

    monkeypatch.setattr(RunCatalog, "poll", refuse)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "The runs cannot be read" in shown(app)
        assert "Permission denied" in shown(app)
        assert "RTX 4090" in shown(app)


async def test_a_damaged_list_of_runs_is_told_of_and_kept(
    make_app: MakeApp, settle: Settle, make_run: MakeRun, tmp_path: Path
) -> None:
    make_run("here")
    run_index().write_text('["/data/runs/there', encoding="utf-8")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "! runs.json cannot be read: it is damaged." in shown(app)
        assert "here" in shown(app)
        remember_run(tmp_path / "elsewhere")
        await pilot.press("/", "x", "enter")
        await settle(pilot)
        assert "cannot be read" not in shown(app)
    assert run_index().with_suffix(".json.damaged").read_text(encoding="utf-8") == '["/data/runs/there'
