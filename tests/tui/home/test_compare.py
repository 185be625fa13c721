"""Comparing two runs from home: the settings that differ, each with both values, and the curves of both."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.config.model import ModelSettings
from sidestep_tui.config.optimisation import OptimizerSettings
from sidestep_tui.config.train import DataSettings, TrainSettings
from sidestep_tui.runs import events as ev
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.chart.widget import Chart
from sidestep_tui.tui.widgets.table import KeyTable

from ..conftest import NOW, MakeRun, shown

Settle = Callable[[Pilot[None]], Awaitable[None]]
Events = Callable[..., list[ev.Event]]


def settings(rank: int) -> TrainSettings:
    return TrainSettings(
        model=ModelSettings(checkpoint=Path("/models/turbo")),
        data=DataSettings(tensors=Path("/data/tensors")),
        adapter=LoraSettings(rank=rank),
        optimizer=OptimizerSettings(learning_rate=1e-5 * rank),
    )


async def test_settings_that_differ_and_both_curves_are_shown(
    make_app: Callable[..., SidestepApp], make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    make_run("wide", events=training_events(120, 200), settings=settings(48), start=NOW - 2000)
    make_run("narrow", events=training_events(200, 200), settings=settings(16), start=NOW - 1000)
    app = make_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("c", "enter")
        await settle(pilot)
        table, chart = app.screen.query_one(KeyTable), app.screen.query_one(Chart)
        rows = {row[0].plain: [cell.plain for cell in row[1:]] for row in map(table.get_row_at, range(table.row_count))}
        drawn = [chart.render_line(y).text for y in range(chart.size.height)]
    assert rows["adapter.rank"] == ["16", "48"]
    assert len(rows["optimizer.learning_rate"]) == len(set(rows["optimizer.learning_rate"])) == 2
    assert "adapter.alpha" not in rows
    assert "a narrow" in drawn[0]
    assert "b wide" in drawn[0]
    assert any("⠁" <= letter <= "⣿" for line in drawn[1:] for letter in line)
    assert {"a", "b"} <= set("".join(drawn[1:-2]))


async def test_a_rate_that_was_set_live_is_told_beside_that_of_the_settings(
    make_app: Callable[..., SidestepApp], make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    slower = ev.CommandApplied(command="set", arguments={"optimizer.learning_rate": "2e-5"}, step=40)
    make_run("one", events=training_events(40, 1200, slower), settings=settings(16), start=NOW - 1000)
    make_run("two", events=training_events(40, 1200), settings=settings(16), start=NOW - 2000)
    async with make_app().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("c", "enter")
        await settle(pilot)
        table = pilot.app.screen.query_one(KeyTable)
        rows = {row[0].plain: [cell.plain for cell in row[1:]] for row in map(table.get_row_at, range(table.row_count))}
    assert rows["rate set live"] == ["2e-5 after step 40", "–"]


async def test_outcomes_are_told_as_home_tells_them(
    make_app: Callable[..., SidestepApp], make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    make_run("one", events=training_events(40, 1200), start=NOW - 1000)
    make_run("two", events=training_events(1200, 1200, ev.RunCompleted()), start=NOW - 2000)
    async with make_app().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        at_home = shown(pilot.app)
        await pilot.press("c")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        table = pilot.app.screen.query_one(KeyTable)
        rows = {table.get_row_at(row)[0].plain: [c.plain for c in table.get_row_at(row)[1:]] for row in range(3)}
    assert rows["done"] == ["40 of 1 200 steps", "1 200 of 1 200 steps"]
    assert all(loss in at_home for loss in rows["recent loss"])


@pytest.mark.parametrize("width", [40, 60, 80])
async def test_names_and_values_are_cut_in_their_middle_and_the_table_is_not(
    make_app: Callable[..., SidestepApp], make_run: MakeRun, settle: Settle, training_events: Events, width: int
) -> None:
    make_run("a-run-with-quite-a-long-name-one", events=training_events(620, 1200), settings=settings(48))
    make_run("a-run-with-quite-a-long-name-two", events=training_events(620, 1200), settings=settings(16))
    async with make_app().run_test(size=(width, 24)) as pilot:
        await settle(pilot)
        await pilot.press("c", "enter")
        await settle(pilot)
        table = pilot.app.screen.query_one(KeyTable)
        assert table.max_scroll_x == 0
        heads = next(line for line in shown(pilot.app).splitlines() if "-one" in line and "…" in line)
        assert "-two" in heads
