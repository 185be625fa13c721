"""Terminals of less than 80 columns: what matters most stays whole, and the rest gives way before it is cut."""

import pytest

from .conftest import NOW, Events, MakeApp, MakeRun, Settle, shown

SLIM = ((60, 24), (48, 20))
slim = pytest.mark.parametrize("size", SLIM, ids=lambda size: f"{size[0]}x{size[1]}")


@slim
async def test_home_shows_condition_name_and_progress_whole(
    size: tuple[int, int], make_app: MakeApp, make_run: MakeRun, training_events: Events, settle: Settle
) -> None:
    run = make_run("waltz-night", events=training_events(620, 1200), start=NOW - 500)
    with run.held():
        async with make_app().run_test(size=size) as pilot:
            await settle(pilot)
            drawn = shown(pilot.app)
    row = next(line for line in drawn.splitlines() if "●" in line)
    assert row.index("● running") < row.index("waltz-night") < row.index("52 %")
    host = next(line for line in drawn.splitlines() if "Host memory" in line)
    assert "23 GiB of 64 GiB  CPU 18 %" in host
    assert "Progress" in drawn


@slim
async def test_the_monitor_tells_its_panels_the_open_one_and_the_time(
    size: tuple[int, int], make_app: MakeApp, make_run: MakeRun, training_events: Events, settle: Settle
) -> None:
    run = make_run("waltz-night", events=training_events(620, 1200), start=NOW - 500)
    with run.held():
        async with make_app("monitor", run=run).run_test(size=size) as pilot:
            await settle(pilot)
            await pilot.press("8")
            drawn = shown(pilot.app).splitlines()
    assert "52 %" in drawn[1]
    assert drawn[1].rstrip().endswith("left")
    assert "8 Files 9" in drawn[4]
    assert drawn[4].split()[0] == "1"


@slim
async def test_a_preset_stands_below_the_list_with_its_settings_on_lines_of_their_own(
    size: tuple[int, int], make_app: MakeApp, settle: Settle
) -> None:
    async with make_app("presets").run_test(size=size) as pilot:
        await settle(pilot)
        lines = shown(pilot.app).splitlines()
    below = next(number for number, line in enumerate(lines) if "─ 2b-8gb ─" in line)
    assert sum(" 2b-" in line for line in lines[:below]) == 5
    rank = next(line for line in lines[below:] if "adapter.rank" in line)
    assert rank.split()[1:5] == ["adapter.rank", "32", "not", "64"]
