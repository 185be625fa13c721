"""What can be done with presets: take in, give away, copy, rename, delete, keep a run's settings.

Each asks what it must, does it, and says what became of it. Those that leave the list different give the name that
the cursor should go to.
"""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sidestep_tui.config.places import here, user_presets
from sidestep_tui.config.presets.importing import UNNAMED
from sidestep_tui.config.presets.keeping import (
    delete_file,
    export_preset,
    export_target,
    rename_preset,
    save_preset,
    taken_by,
)
from sidestep_tui.config.presets.names import name_key
from sidestep_tui.config.presets.preset import Preset, left_out, without_personal
from sidestep_tui.config.presets.shelf import Damaged, Shelf
from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _
from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.presets.describe import LEVELS
from sidestep_tui.tui.presets.dialogs import PasteScreen, ReportScreen
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.wizard.dialogs import AskScreen, Choice, PickScreen
from sidestep_tui.tui.wizard.finish import name_problem
from sidestep_tui.tui.words import word

if TYPE_CHECKING:
    from sidestep_tui.runs.history import RunSummary

PresetScreen = SidestepScreen[Preset | None]


async def import_preset(screen: PresetScreen) -> str | None:
    """Takes a preset in, after a look at what became of it."""
    imported = await screen.app.push_screen_wait(PasteScreen())
    if imported is None or not await screen.app.push_screen_wait(ReportScreen(imported)):
        return None
    name: str | None = imported.preset.name
    if name == UNNAMED:
        name = await screen.app.push_screen_wait(AskScreen(_("Name of the preset"), check=name_problem))
    return await _keep(screen, replace(imported.preset, name=name)) if name else None


async def keep_run(screen: PresetScreen) -> str | None:
    """Keeps the settings of a training run."""
    runs = {str(s.run.path): s for s in await asyncio.to_thread(_training_runs)}
    if not runs:
        screen.sidestep.tell(_("There is no training run yet."), "warning")
        return None
    entries = [Choice(path, summary.run.name, word(summary.condition)) for path, summary in runs.items()]
    path = await screen.app.push_screen_wait(PickScreen(_("Keep the settings of"), entries))
    name = path and await screen.app.push_screen_wait(AskScreen(_("Name of the preset"), check=name_problem))
    if not (path and name):
        return None
    run = runs[path].run
    settings = run.settings().model_dump(mode="json")
    kept = await _keep(screen, Preset(name, f"from the run {run.name}", without_personal(settings)))
    if kept and (paths := left_out(settings)):
        text = _("Left out, since paths belong to a machine: {settings}")
        screen.sidestep.tell(text.format(settings=", ".join(paths)), "warning")
    return kept


def _training_runs() -> list["RunSummary"]:
    """The training runs, the newest first. Reads all of their logs: call it in a thread.

    Raises:
        SidestepError: the folder of the runs cannot be read.
    """
    from sidestep_tui.runs.history import list_runs

    try:
        return [summary for summary in list_runs() if summary.job == "train"]
    except OSError as error:
        raise SidestepError(_("The runs cannot be read"), where=error.filename) from error


async def _keep(screen: PresetScreen, preset: Preset) -> str | None:
    """Saves a preset among the user's own; where its name is taken, asks for another one or for leave to replace."""
    while taken_by(preset.name, user_presets()):
        question = AskScreen(
            _("You have a preset of this name"), preset.name, check=name_problem,
            note=_("another name, or the same one to replace it"),
        )  # fmt: skip
        name = await screen.app.push_screen_wait(question)
        if not name:
            return None
        if name_key(name) == name_key(preset.name):
            break
        preset = replace(preset, name=name)
    return save_preset(preset, overwrite=True).stem


async def export(screen: PresetScreen, preset: Preset) -> None:
    """Writes a preset to a file; asks again before one is replaced."""
    title = _("Export {name} to").format(name=preset.name)
    note = _("a file or a folder; y on the list copies it instead")
    target = await screen.app.push_screen_wait(AskScreen(title, f"{preset.name}.json", note=note))
    if not target:
        return
    file, exists = export_target(preset, Path(target))
    question = ConfirmScreen(_("Replace {file}?").format(file=file), yes=_("Replace it"))
    if exists and not await screen.app.push_screen_wait(question):
        return
    export_preset(preset, file, overwrite=exists)
    screen.sidestep.tell(_("Written to {file}").format(file=file))


def copy(screen: PresetScreen, preset: Preset) -> None:
    """Sends a preset's text to the clipboard of the terminal, also at the other end of an SSH line (OSC 52)."""
    screen.app.copy_to_clipboard(json.dumps(preset.as_document(), indent=2, ensure_ascii=False))
    text = _("{name} is copied, where your terminal lets programs copy (in tmux: set -g set-clipboard on).")
    screen.sidestep.tell(text.format(name=preset.name))


async def rename(screen: PresetScreen, preset: Preset) -> str | None:
    """Gives a preset another name."""
    title = _("Rename {name} to").format(name=preset.name)
    name = await screen.app.push_screen_wait(AskScreen(title, preset.name, check=name_problem))
    if not name or name == preset.name:
        return None
    return rename_preset(preset.name, name, here()).stem


async def delete(screen: PresetScreen, entry: Preset | Damaged, shelf: Shelf) -> str | None:
    """Removes a preset after a question."""
    detail = [str(entry.path)]
    if hidden := shelf.hidden_by(entry.name):
        back = _("The one that it hides comes back: {level}.")
        detail.append(back.format(level=LEVELS[hidden[0].level]))
    question = ConfirmScreen(
        _("Delete the preset {name}?").format(name=entry.name), "\n".join(detail), yes=_("Delete it"), danger=True
    )
    if not await screen.app.push_screen_wait(question):
        return None
    if entry.path is not None:
        delete_file(entry.path)
    return entry.name
