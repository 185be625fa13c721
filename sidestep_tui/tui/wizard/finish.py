"""What the last step can do: start the engines, measure first, name the run, save a preset or a config file."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast

from sidestep_tui.config.preflight import Policies
from sidestep_tui.config.presets.names import check_name
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.routes import make_screen
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.starting import started_or_told, warn_of_sharing
from sidestep_tui.tui.wizard import reviewing, saving
from sidestep_tui.tui.wizard.dialogs import AskScreen, Choice, PickScreen
from sidestep_tui.tui.wizard.pickers import path_problem
from sidestep_tui.tui.wizard.start import StartPlan, keep, new_run_path, remember, start, start_preflight
from sidestep_tui.tui.wizard.state import MODEL, SONGS, WizardState

if TYPE_CHECKING:
    from sidestep_tui.tui.app import SidestepApp


async def act(screen: SidestepScreen[None], state: WizardState, key: str) -> bool:
    """Does what a line of the review says; True where the review looks different now."""
    match key:
        case "start":
            await start_run(screen, state, start)
        case "keep":
            await start_run(screen, state, keep)
        case "preflight":
            await start_measuring(screen, state)
        case "take":
            reviewing.take_found(state)
            return True
        case "measure":
            state.measure_first = not state.measure_first
            return True
        case "samples":
            reviewing.switch_samples(state)
            return True
        case "name":
            return await name_run(screen, state)
        case "preset":
            await save_preset(screen, state)
        case "file":
            await save_file(screen, state)
    return False


async def start_run(
    screen: SidestepScreen[None], state: WizardState, make: Callable[[StartPlan], RunDirectory]
) -> None:
    """Starts the engines, or only makes the runs, and shows the first; tells the reason where that was not possible."""
    try:
        plan = reviewing.plan(state)
    except SidestepError as error:
        screen.sidestep.tell_error(error)
        return
    words = _("Starting {name} …") if make is start else _("Saving {name} …")
    screen.sidestep.tell(words.format(name=plan.output.name))
    chosen = {MODEL: str(plan.train.model.checkpoint), SONGS: str(state.path(SONGS))}
    run = await asyncio.to_thread(_make, screen.sidestep, plan, make, chosen)
    if run is None:
        return
    while screen.app.screen is not screen:  # what was opened over it meanwhile, its help for one
        await screen.app.pop_screen()
    # The monitor takes the wizard's place, or comes above it where nothing lies beneath.
    if len(screen.app.screen_stack) > 1:
        screen.app.switch_screen(make_screen("monitor", run=run))
    else:
        screen.sidestep.open("monitor", run=run)


def _make(
    app: "SidestepApp", plan: StartPlan, make: Callable[[StartPlan], RunDirectory], chosen: dict[str, str]
) -> RunDirectory | None:
    """Makes the runs of a plan and gives the first; None after saying why there is none. Call it in a thread."""
    run = started_or_told(app, plan.output, partial(make, plan))
    if run is None:
        return None
    try:
        if make is start and len(plan.jobs) == 1:  # a chain waits by itself for whoever is there
            warn_of_sharing(app, run)
        remember(chosen)
    except SidestepError as error:  # the run is there all the same
        app.call_from_thread(app.tell_error, error)
    return run


async def start_measuring(screen: SidestepScreen[None], state: WizardState) -> None:
    """Asks how much is tried, starts a preflight and shows it above the wizard, which then has its figures."""
    try:
        plan = reviewing.plan(state)
        policies: str | None = "chosen"
        if reviewing.may_try_others(plan):
            choices = [Choice(name, title, note) for name, (title, note) in reviewing.POLICIES.items()]
            policies = await screen.app.push_screen_wait(PickScreen(_("Preflight"), choices))
        if policies is None:
            return
        state.preflight = await asyncio.to_thread(start_preflight, plan, cast(Policies, policies))
    except SidestepError as error:
        screen.sidestep.tell_error(error)
        return
    screen.sidestep.open("monitor", run=state.preflight)


async def name_run(screen: SidestepScreen[None], state: WizardState) -> bool:
    """Asks for the run's name; True when there is a new one."""
    note = _("a name among your runs, or a whole path")
    question = AskScreen(_("Name of the run"), state.name(), check=run_problem, note=note)
    name = await screen.app.push_screen_wait(question)
    if name:
        state.chosen_name = name
    return bool(name)


async def save_preset(screen: SidestepScreen[None], state: WizardState) -> None:
    """Asks for a name and saves the settings; asks again before a preset is replaced."""
    name = await screen.app.push_screen_wait(AskScreen(_("Save as a preset"), check=name_problem))
    if not name:
        return
    taken = saving.has_preset(name)
    if taken and not await screen.app.push_screen_wait(
        ConfirmScreen(_("Replace your preset {name}?").format(name=name), yes=_("Replace it"))
    ):
        return
    try:
        path = saving.save_as_preset(state.document, name, overwrite=taken)
    except SidestepError as error:
        screen.sidestep.tell_error(error)
    else:
        screen.sidestep.tell(_("Saved as {path}").format(path=path))


async def save_file(screen: SidestepScreen[None], state: WizardState) -> None:
    """Asks for a file and saves the whole document."""
    ask = AskScreen(_("Save as a config file"), f"{state.name()}.json", check=path_problem)
    text = await screen.app.push_screen_wait(ask)
    if not text:
        return
    question = ConfirmScreen(_("Replace {file}?").format(file=text), yes=_("Replace it"))
    if saving.file_exists(text) and not await screen.app.push_screen_wait(question):
        return
    try:
        saved = saving.save_as_file(state.document, text)
    except SidestepError as error:
        screen.sidestep.tell_error(error)
    else:
        screen.sidestep.tell(_("Saved as {path}").format(path=saved))


def run_problem(name: str) -> str | None:
    """Why a run cannot have this name."""
    try:
        new_run_path(name)
    except SidestepError as error:
        return spoken(error.what)
    return None


def name_problem(name: str) -> str | None:
    """Why a text cannot be a preset's name."""
    try:
        check_name(name)
    except SidestepError as error:
        return f"{spoken(error.what)} {spoken(error.fix or '')}".strip()
    return None
