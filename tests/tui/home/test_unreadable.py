"""Home where the folder of the runs cannot be read: it says so, and the machine is shown all the same."""

import pytest

from sidestep_tui.tui.follow import RunCatalog

from ..conftest import MakeApp, Settle, shown


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
