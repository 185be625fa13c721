"""Keys and answers that come while a step is still being drawn."""

from textual import events

from sidestep_tui.tui.wizard.lookups import Lookups
from sidestep_tui.tui.wizard.rows import SettingRow
from sidestep_tui.tui.wizard.settings_panel import SettingsPanel

from ..conftest import shown
from .conftest import OpenWizard, settle
from .support import focused, go_to, state


async def test_an_answer_that_comes_before_the_lines_are_made_waits_for_them(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        panel = pilot.app.screen.query_one(SettingsPanel)
        line = SettingRow(state(pilot).steps()[2].fields[0])
        mounting = panel.query_one("#rows").mount(line)
        panel.redraw(state(pilot).document)
        await mounting
        await pilot.pause()
        assert "‹ lora ›" in shown(pilot.app)


async def test_keys_pressed_in_haste_show_each_line_once(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        lookups = pilot.app.screen.query_one(Lookups)
        for _ in range(2):
            pilot.app.post_message(events.Key("n", "n"))
            lookups.post_message(Lookups.Changed())
        await settle(pilot)
        await pilot.pause()
        rows = [row.setting.path for row in pilot.app.screen.query(SettingRow)]
        assert rows == [field.path for field in state(pilot).steps()[2].fields]


async def test_arrows_pressed_in_haste_move_a_line_each(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        await go_to(pilot, "Adapter")
        for _ in range(3):
            pilot.app.post_message(events.Key("down", None))
        await pilot.pause()
        assert focused(pilot) == "adapter.rank"
