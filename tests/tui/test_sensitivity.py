"""What can be done with a ranking: the panel shows the ranks that its file proposes, and takes them into the wizard."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sidestep_tui.config.jobs import EstimateSettings
from sidestep_tui.config.model import ModelSettings
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.sensitivity_file import write_sensitivity
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.monitor.screen import MonitorScreen
from sidestep_tui.tui.sensitivity.panel import SensitivityPanel
from sidestep_tui.tui.widgets.table import KeyTable
from sidestep_tui.tui.wizard.rows import SettingRow
from sidestep_tui.tui.wizard.screen import WizardScreen

from .conftest import shown

MakeApp = Callable[..., SidestepApp]
Settle = Callable[[Pilot[None]], Awaitable[None]]
Estimated = Callable[..., RunDirectory]


@pytest.fixture
def estimated(
    make_run: Callable[..., RunDirectory], sensitivity_event: Callable[[int], ev.SensitivityUpdated], tmp_path: Path
) -> Estimated:
    """An estimate of 24 batches and the file that it wrote; `end` is its last event."""

    def make(*end: ev.Event, settings: EstimateSettings | None = None) -> RunDirectory:
        settings = settings or EstimateSettings(
            model=ModelSettings(checkpoint=tmp_path), tensors=tmp_path, output=tmp_path / "ranking.json"
        )
        update = sensitivity_event(24)
        entries = [{"module": one.module, "sensitivity": one.sensitivity} for one in update.modules]
        chosen = update.modules[:60]
        proposal = [{"module": one.module, "rank": 200 - 3 * i, "alpha": 8} for i, one in enumerate(chosen)]
        document = {"model": "m", "data": "d", "batches": 24, "ranking": entries, "proposal": proposal}
        write_sensitivity(settings.output or settings.tensors / "sensitivity.json", document)
        start = ev.RunStarted(job="estimate", pid=1, host="box", device="cpu", version="0")
        return make_run("ranking", "estimate", [start, update, *end], settings=settings)

    return make


@pytest.mark.parametrize("end", [ev.RunCompleted(), ev.RunStopped(reason="asked to stop")])
async def test_the_ranking_goes_into_the_wizard(
    make_app: MakeApp, estimated: Estimated, settle: Settle, tmp_path: Path, end: ev.Event
) -> None:
    app = make_app("monitor", run=estimated(end))
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        first = app.screen.query_one("#ranking", KeyTable).get_row_at(0)
        assert [str(text).strip() for text in first[:4]] == ["1", "14 self q", "1", "200"]
        await pilot.press("t")
        await settle(pilot)
        wizard = app.screen
        assert isinstance(wizard, WizardScreen)
        document = wizard.state.document.document
        for _ in range(2):
            await pilot.press("n")
            await pilot.pause()
        assert "targets_from" in {row.setting.path.rpartition(".")[2] for row in wizard.query(SettingRow)}
    assert document["adapter"]["targets_from"] == str(tmp_path / "ranking.json")
    assert document["model"]["checkpoint"] == document["data"]["tensors"] == str(tmp_path)


@pytest.mark.parametrize("width", [60, 66, 72, 80, 120])
async def test_no_column_of_the_ranking_is_out_of_sight(
    make_app: MakeApp, estimated: Estimated, settle: Settle, width: int
) -> None:
    app = make_app("monitor", run=estimated(ev.RunCompleted()))
    async with app.run_test(size=(width, 24)) as pilot:
        await settle(pilot)
        assert app.screen.query_one("#ranking", KeyTable).max_scroll_x == 0
        heads = next(line for line in shown(app).splitlines() if "Module" in line)
        assert "Strength" in heads
        assert "Rank" in heads


async def test_nothing_can_be_trained_before_the_estimate_has_ended(
    make_app: MakeApp, estimated: Estimated, settle: Settle
) -> None:
    run = estimated()
    app = make_app("monitor", run=run)
    with run.held():
        async with app.run_test() as pilot:
            await settle(pilot)
            assert not app.screen.query_one(SensitivityPanel).check_action("train_these", ())
            await pilot.press("t")
            await settle(pilot)
            assert isinstance(app.screen, MonitorScreen)


@pytest.mark.parametrize("kept", ["settings", "ranking"])
async def test_a_ranking_that_was_moved_away_or_is_of_another_version_offers_nothing(
    make_app: MakeApp, estimated: Estimated, settle: Settle, tmp_path: Path, kept: str
) -> None:
    run = estimated(ev.RunCompleted())
    if kept == "settings":
        (tmp_path / "ranking.json").unlink()
    else:
        run.config_file.write_text(run.config_file.read_text().replace('"tensors"', '"tensors of tomorrow"'))
    app = make_app("monitor", run=run)
    async with app.run_test() as pilot:
        await settle(pilot)
        assert len(app.screen.query_one("#ranking", KeyTable).get_row_at(0)) == 3 + 1  # no ranks
        await pilot.press("t")
        await settle(pilot)
        assert isinstance(app.screen, MonitorScreen)
