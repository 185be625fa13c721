"""The presets: a list, what the one under the cursor changes, two compared, and what can be done with them."""

import re
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from sidestep_tui.config.preset_import import Import, import_file, import_text
from sidestep_tui.config.presets import (
    Preset,
    delete_preset,
    export_preset,
    list_presets,
    rename_preset,
    save_preset,
    without_personal,
)
from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _
from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.presets.describe import LEVELS, compare, describe
from sidestep_tui.tui.presets.dialogs import PasteScreen, ReportScreen
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.text import clean
from sidestep_tui.tui.widgets.scroll import KeyScroll
from sidestep_tui.tui.widgets.table import KeyTable, cell
from sidestep_tui.tui.wizard.dialogs import AskScreen, Choice, PickScreen
from sidestep_tui.tui.wizard.finish import name_problem


class PresetsScreen(SidestepScreen[Preset | None]):
    """Settings to start from.

    Args:
        choosing: the screen was opened to pick one: loading closes it with the preset.
    """

    HEADING = _("Presets")
    ABOUT = _(
        "Named settings to start from. Yours come before shipped ones of the same name, and those in the folder "
        "presets.sidestep beside your work before both."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "compare", _("Compare"), tooltip=_("Mark this one, then compare it with the next one you mark")),
        Binding("i", "import", _("Import"), tooltip=_("Take a preset in, from a file or from pasted text")),
        Binding("x", "export", _("Export"), tooltip=_("Write the preset to a file, to give it away")),
        Binding("r", "rename", _("Rename"), tooltip=_("Give a preset of your own another name")),
        Binding("d", "delete", _("Delete"), tooltip=_("Remove a preset of your own (asks first)")),
        Binding(
            "u", "from_run", _("From a run"), show=False, tooltip=_("Keep the settings of a training run as a preset")
        ),
    ]
    DEFAULT_CSS = """
    PresetsScreen #list { width: 26; height: 1fr; }
    PresetsScreen KeyTable { height: 1fr; overflow-x: hidden; }
    PresetsScreen #detail { width: 1fr; height: 1fr; }
    PresetsScreen.-wide #list { width: 40; }
    """

    def __init__(self, *, choosing: bool = False) -> None:
        super().__init__()
        self._choosing = choosing
        self._presets: dict[str, Preset] = {}
        self._marked: str | None = None

    def compose_body(self) -> ComposeResult:
        """The list and what it points at."""
        with Horizontal():
            with Vertical(classes="panel", id="list") as listing:
                listing.border_title = _("Presets")
                yield KeyTable()
            with KeyScroll(classes="panel", id="detail"):
                yield Static(id="text")

    def on_mount(self) -> None:
        """Reads the presets."""
        table = self.query_one(KeyTable)
        table.show_header = False
        table.add_columns("", _("name"), _("level"))
        self._read()
        table.focus()
        self.set_context(_("enter loads one into the wizard") if not self._choosing else _("enter takes one"))

    def _read(self, name: str | None = None) -> None:
        """Fills the list; the cursor goes to the preset of this name."""
        self._presets = {preset.name: preset for preset in sorted(list_presets(Path.cwd()), key=_natural_order)}
        if self._marked not in self._presets:
            self._marked = None
        table = self.query_one(KeyTable)
        at = list(self._presets).index(name) if name in self._presets else table.cursor_row
        table.clear()
        for preset in self._presets.values():
            mark = "◆" if preset.name == self._marked else " "
            level = "" if preset.level == "shipped" else LEVELS[preset.level]
            table.add_row(cell(mark), cell(preset.name), cell(level), key=preset.name)
        table.move_cursor(row=at)
        self._show()

    def _current(self) -> Preset | None:
        if not self.is_mounted:
            return None
        names = list(self._presets)
        row = self.query_one(KeyTable).cursor_row
        return self._presets[names[row]] if 0 <= row < len(names) else None

    @on(KeyTable.RowHighlighted)
    def _show(self) -> None:
        preset = self._current()
        detail, text = self.query_one("#detail"), self.query_one("#text", Static)
        if preset is None:
            text.update(_("No presets."))
            return
        width = max(40, detail.size.width - 3)
        marked = self._presets.get(self._marked or "")
        if marked is not None and marked.name != preset.name:
            detail.border_title = _("Compared")
            text.update(compare(marked, preset, width))
        else:
            detail.border_title = clean(preset.name)
            text.update(describe(preset, width))
        self.refresh_bindings()

    def on_resize(self) -> None:
        """The columns follow the width."""
        self.call_after_refresh(self._show)

    @on(KeyTable.RowSelected)
    def _load(self) -> None:
        preset = self._current()
        if preset is None:
            return
        if self._choosing:
            self.dismiss(preset)
        else:
            self.sidestep.open("wizard", preset=preset)

    def action_compare(self) -> None:
        """Marks the preset under the cursor, or takes the mark off."""
        preset = self._current()
        if preset is not None:
            self._marked = None if self._marked == preset.name else preset.name
            self._read(preset.name)

    @work
    async def action_import(self) -> None:
        """Takes a preset in, after a look at what became of it."""
        text = await self.app.push_screen_wait(PasteScreen())
        if text is None:
            return
        try:
            imported = _read_import(text)
            if await self.app.push_screen_wait(ReportScreen(imported)):
                save_preset(imported.preset)
                self._read(imported.preset.name)
        except SidestepError as error:
            self.sidestep.tell_error(error)

    @work
    async def action_export(self) -> None:
        """Writes the preset to a file."""
        preset = self._current()
        if preset is None:
            return
        target = await self.app.push_screen_wait(
            AskScreen(_("Export {name} to").format(name=preset.name), f"{preset.name}.json")
        )
        if not target:
            return
        try:
            file = export_preset(preset, Path(target))
        except SidestepError as error:
            self.sidestep.tell_error(error)
        else:
            self.sidestep.tell(_("Written to {file}").format(file=file))

    @work
    async def action_rename(self) -> None:
        """Gives the preset another name."""
        preset = self._current()
        if preset is None:
            return
        name = await self.app.push_screen_wait(
            AskScreen(_("Rename {name} to").format(name=preset.name), preset.name, check=name_problem)
        )
        if not name or name == preset.name:
            return
        try:
            rename_preset(preset.name, name, Path.cwd())
        except SidestepError as error:
            self.sidestep.tell_error(error)
        self._read(name)

    @work
    async def action_delete(self) -> None:
        """Removes the preset after a question."""
        preset = self._current()
        if preset is None:
            return
        question = ConfirmScreen(
            _("Delete the preset {name}?").format(name=preset.name), str(preset.path), yes=_("Delete it"), danger=True
        )
        if not await self.app.push_screen_wait(question):
            return
        try:
            delete_preset(preset.name, Path.cwd())
        except SidestepError as error:
            self.sidestep.tell_error(error)
        self._read()

    @work
    async def action_from_run(self) -> None:
        """Keeps the settings of a training run."""
        from sidestep_tui.runs.history import list_runs

        runs = {str(s.run.path): s for s in list_runs() if s.job == "train"}
        if not runs:
            self.sidestep.tell(_("There is no training run yet."), "warning")
            return
        entries = [Choice(path, summary.run.name, summary.condition) for path, summary in runs.items()]
        path = await self.app.push_screen_wait(PickScreen(_("Keep the settings of"), lambda _text: entries))
        name = path and await self.app.push_screen_wait(AskScreen(_("Name of the preset"), check=name_problem))
        if not (path and name):
            return
        try:
            run = runs[path].run
            settings = without_personal(run.settings().model_dump(mode="json"))
            save_preset(Preset(name, f"from the run {run.name}", settings))
        except SidestepError as error:
            self.sidestep.tell_error(error)
        else:
            self._read(name)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """Shipped presets can be neither renamed nor deleted."""
        if action in ("rename", "delete"):
            preset = self._current()
            return preset is not None and preset.level != "shipped"
        return True


def _read_import(text: str) -> Import:
    """A preset from pasted JSON, or from the file that is named."""
    if text.lstrip().startswith(("{", "[")):
        return import_text(text)
    return import_file(Path(text).expanduser())


def _natural_order(preset: Preset) -> tuple[int, list[tuple[int, str]]]:
    """The user's own before shipped ones; 8 before 12."""
    parts = re.split(r"(\d+)", preset.name.lower())
    return preset.level == "shipped", [(int(part), "") if part.isdigit() else (0, part) for part in parts]
