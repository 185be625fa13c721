"""Keys that come in one packet, as over a slow line: each does what it would have done by itself."""

from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from sidestep_tui.tui.home.run_table import RunTable
from sidestep_tui.tui.home.screen import HomeScreen
from sidestep_tui.tui.wizard.screen import WizardScreen

from .conftest import NOW, Events, Eventually, MakeApp, MakeRun, Settle

NAMES = {"\r": "enter", "/": "slash"}


def send(pilot: Pilot[None], text: str) -> None:
    """Lets the application read all of these at once."""
    for character in text:
        pilot.app.post_message(events.Key(NAMES.get(character, character), character))


async def test_words_to_find_go_into_the_line_that_opens_for_them(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, eventually: Eventually, training_events: Events
) -> None:
    for name in ("waltz", "polka"):
        make_run(name, events=training_events(5), start=NOW - 500)
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        home = app.screen
        assert isinstance(home, HomeScreen)
        send(pilot, "/waltz\r")
        await eventually(pilot, lambda: home.words == "waltz" and app.screen is home)
        assert home.query_one(RunTable).row_count == 1


async def test_a_setting_is_found_typed_and_left(make_app: MakeApp, settle: Settle, eventually: Eventually) -> None:
    app = make_app("wizard")
    async with app.run_test() as pilot:
        await settle(pilot)
        wizard = app.screen
        assert isinstance(wizard, WizardScreen)
        send(pilot, "/training.epochs\r\r77\r")
        epochs = wizard.state.document.find("training.epochs")
        await eventually(pilot, lambda: wizard.state.document.value(epochs) == 77 and not wizard.query(Input))
        assert app.screen is wizard
