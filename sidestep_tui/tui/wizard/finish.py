"""What the last step can do: start the engines, name the run, save a preset or a config file."""

import asyncio
from pathlib import Path

from sidestep_tui.config.presets import check_name
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.wizard.dialogs import AskScreen
from sidestep_tui.tui.wizard.start import remember, start
from sidestep_tui.tui.wizard.state import MODEL, SONGS, WizardState


async def start_run(screen: SidestepScreen[None], state: WizardState) -> RunDirectory | None:
    """Starts the engines and gives the run to watch; None where that was not possible, with the reason told."""
    try:
        plan = state.plan()
        screen.sidestep.tell(f"Starting {plan.output.name} …")
        run = await asyncio.to_thread(start, plan)
        remember({MODEL: str(plan.train.model.checkpoint), SONGS: str(state.path(SONGS))})
    except SidestepError as error:
        screen.sidestep.tell_error(error)
        return None
    return run


async def name_run(screen: SidestepScreen[None], state: WizardState) -> bool:
    """Asks for the run's name; True when there is a new one."""
    note = "a name among your runs, or a whole path"
    name = await screen.app.push_screen_wait(AskScreen("Name of the run", state.name(), note=note))
    if name:
        state.chosen_name = name
    return bool(name)


async def save_preset(screen: SidestepScreen[None], state: WizardState) -> None:
    """Asks for a name and saves the settings; asks again before a preset is replaced."""
    name = await screen.app.push_screen_wait(AskScreen("Save as a preset", check=name_problem))
    if not name:
        return
    taken = state.has_preset(name)
    if taken and not await screen.app.push_screen_wait(ConfirmScreen(f"Replace your preset {name}?", yes="Replace it")):
        return
    try:
        path = state.save_preset(name, overwrite=taken)
    except SidestepError as error:
        screen.sidestep.tell_error(error)
    else:
        screen.sidestep.tell(f"Saved as {path}")


async def save_file(screen: SidestepScreen[None], state: WizardState) -> None:
    """Asks for a file and saves the whole document."""
    text = await screen.app.push_screen_wait(AskScreen("Save as a config file", f"{state.name()}.json"))
    if not text:
        return
    path = Path(text).expanduser()
    if path.exists() and not await screen.app.push_screen_wait(ConfirmScreen(f"Replace {path}?", yes="Replace it")):
        return
    try:
        saved = state.save_file(path)
    except SidestepError as error:
        screen.sidestep.tell_error(error)
    else:
        screen.sidestep.tell(f"Saved as {saved}")


def name_problem(name: str) -> str | None:
    """Why a text cannot be a preset's name."""
    try:
        check_name(name)
    except SidestepError as error:
        return f"{error.what} {error.fix or ''}".strip()
    return None
