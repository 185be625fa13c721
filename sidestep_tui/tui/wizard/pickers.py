"""What the wizard lets people choose: a step, a setting, a model, a preset, a config file."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sidestep_tui.config.places import downloads_home, whole_path
from sidestep_tui.config.presets.preset import Preset
from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.busy import WaitScreen
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.wizard.dialogs import AskScreen, Choice, PickScreen
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.download import DownloadScreen
from sidestep_tui.tui.wizard.models import FoundModel, downloadable
from sidestep_tui.tui.wizard.state import WizardState

_DOWNLOAD: Final = "download"
_OTHER: Final = "other"


async def pick_step(screen: SidestepScreen[None], state: WizardState, current: int) -> int | None:
    """The number of the chosen step; None where nothing was chosen."""
    entries = [Choice(str(number), line.title) for number, line in enumerate(state.step_lines())]
    key = await screen.app.push_screen_wait(PickScreen(_("Jump to a step"), entries, current=str(current)))
    return None if key is None else int(key)


async def find_setting(screen: SidestepScreen[None], state: WizardState) -> str | None:
    """The dotted path of the setting that was searched for and chosen; None where nothing was chosen."""

    def found(text: str) -> list[Choice]:
        return [Choice(field.path, field.path, _(field.help)) for field in state.search(text)]

    return await screen.app.push_screen_wait(PickScreen(_("Find a setting"), found))


async def wait_for_models(screen: SidestepScreen[None], known: asyncio.Event) -> bool:
    """Says that models are looked for until they are known: a list without them would read as if there were none.

    Returns:
        Whether they are known: the person may have left.
    """
    return bool(await screen.app.push_screen_wait(WaitScreen(_("Looking for models …"), known.wait())))


async def choose_model(screen: SidestepScreen[None], found: Sequence[FoundModel], current: Path | None) -> Path | None:
    """A model folder from this machine, or one that was downloaded; None where nothing was chosen."""
    entries = [Choice(str(model.path), model.path.name, f"{model.title}  {model.path.parent}") for model in found]
    note = _("from Hugging Face, or from HF_ENDPOINT")
    entries.append(Choice(_DOWNLOAD, _("Download a model …"), note))
    key = await screen.app.push_screen_wait(PickScreen(_("Models"), entries, current=str(current)))
    return await _download_model(screen) if key == _DOWNLOAD else Path(key) if key else None


async def _download_model(screen: SidestepScreen[None]) -> Path | None:
    """Asks which model and where to, then fetches it."""
    entries = [*(Choice(name, name, about) for name, about in downloadable()), Choice(_OTHER, _("Another one …"))]
    name = await screen.app.push_screen_wait(PickScreen(_("Download a model"), entries))
    if name == _OTHER:
        name = await screen.app.push_screen_wait(AskScreen(_("Its name on the Hub"), note=_("OWNER/NAME")))
    if not name:
        return None
    note = _("the VAE and the text encoder come beside it, where they are not there yet")
    question = AskScreen(_("Into which folder"), str(downloads_home()), check=path_problem, note=note)
    folder = await screen.app.push_screen_wait(question)
    if not folder:
        return None
    return await screen.app.push_screen_wait(DownloadScreen(name, whole_path(folder)))


def path_problem(text: str) -> str | None:
    """Why a text cannot be a path; None where it can."""
    try:
        whole_path(text)
    except SidestepError as error:
        return spoken(error.what)
    return None


async def pick_preset(screen: SidestepScreen[None]) -> Preset | None:
    """The chosen preset; None where nothing was chosen."""
    from sidestep_tui.tui.presets.screen import PresetsScreen

    return await screen.app.push_screen_wait(PresetsScreen(choosing=True))


async def open_config(screen: SidestepScreen[None], document: WizardDocument) -> WizardDocument | None:
    """The document with the chosen config file beneath its edits; None where none was chosen."""
    loaded: list[WizardDocument] = []

    def problem(text: str) -> str | None:
        try:
            loaded[:] = [document.with_file(whole_path(text))]
        except SidestepError as error:
            return spoken(error.what)
        return None

    note = _("JSON: settings, or the config.json of a run")
    path = await screen.app.push_screen_wait(AskScreen(_("Open a config file"), check=problem, note=note))
    return loaded[0] if path else None
