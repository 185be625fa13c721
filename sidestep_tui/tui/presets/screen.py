"""The presets: a list, what the one under the cursor changes, two compared, and what can be done with them."""

from collections.abc import Awaitable, Mapping
from typing import ClassVar, Final

from rich.cells import cell_len
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from sidestep_tui.config.places import here
from sidestep_tui.config.presets.names import name_key
from sidestep_tui.config.presets.preset import Level, Preset
from sidestep_tui.config.presets.shelf import Damaged, Shelf, read_shelf
from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _
from sidestep_tui.tui.presets import actions
from sidestep_tui.tui.presets.describe import called, compare, describe, describe_damaged
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.text import clean, literal
from sidestep_tui.tui.widgets.scroll import KeyScroll
from sidestep_tui.tui.widgets.table import KeyTable, cell

Entry = Preset | Damaged

_SHORT_LEVELS: Final[Mapping[Level, str]] = {"shipped": "", "user": _("yours"), "local": _("here")}
_LEVEL_WIDTH: Final = max(map(cell_len, _SHORT_LEVELS.values()))
_BESIDE_NAME: Final = 1 + _LEVEL_WIDTH + 3 * 2 + 1
"""Cells of the list that are not the name's: mark and level, what is left free around each cell, the scroll bar."""

_BOTH_FIT: Final = 72
"""Cells from which on a preset fits beside the list; on fewer it stands below."""

_NARROWEST: Final = 30


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
        Binding("y", "copy", _("Copy"), tooltip=_("Copy the preset as text to your terminal's clipboard")),
        Binding("r", "rename", _("Rename"), tooltip=_("Give a preset of your own another name")),
        Binding("d", "delete", _("Delete"), tooltip=_("Remove a preset of your own (asks first)")),
        Binding("u", "from_run", _("From a run"), tooltip=_("Keep the settings of a training run as a preset")),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (_BOTH_FIT, "-narrow"), (100, "-wide")]  # noqa: RUF012
    DEFAULT_CSS = """
    PresetsScreen #list { width: 29; height: 1fr; }
    PresetsScreen KeyTable { height: 1fr; overflow-x: hidden; }
    PresetsScreen #none { display: none; height: auto; padding: 1 1 0 1; color: $text-muted; }
    PresetsScreen.-none-own #none { display: block; }
    PresetsScreen #detail { width: 1fr; height: 1fr; }
    PresetsScreen.-wide #list { width: 40; }
    PresetsScreen.-slim Horizontal { layout: vertical; }
    PresetsScreen.-slim #list { width: 1fr; height: 2fr; }
    PresetsScreen.-slim #detail { height: 3fr; }
    PresetsScreen.-slim #none { display: none; }
    """

    def __init__(self, *, choosing: bool = False) -> None:
        super().__init__()
        self._choosing = choosing
        self._shelf = Shelf()
        self._entries: dict[str, Entry] = {}  # presets by their names, what is damaged by its path
        self._marked: str | None = None

    def compose_body(self) -> ComposeResult:
        """The list and what it points at."""
        with Horizontal():
            with Vertical(classes="panel", id="list") as listing:
                listing.border_title = _("Presets")
                yield KeyTable()
                yield Static(
                    _("None of your own yet: i imports one, u keeps a run's, the wizard's end saves one."), id="none"
                )
            with KeyScroll(classes="panel", id="detail"):
                yield Static(id="text")

    def on_mount(self) -> None:
        """Reads the presets; they are drawn once the width is known."""
        table = self.query_one(KeyTable)
        table.show_header = False
        table.focus()
        self._read()

    def on_resize(self) -> None:
        """The columns follow the width."""
        self.call_after_refresh(self._draw)

    def _read(self) -> None:
        """Reads what there is; a mark on what is gone goes as well."""
        self._shelf = read_shelf(here())
        self._entries = {str(entry.path): entry for entry in self._shelf.damaged}
        self._entries |= {name_key(preset.name): preset for preset in self._shelf.presets}
        self._marked = self._marked if self._marked in self._entries else None

    def _draw(self, name: str | None = None) -> None:
        """Fills the list; the cursor goes to the preset of this name, or stays where it is."""
        keys = list(self._entries)
        table = self.query_one(KeyTable)
        at = keys.index(name_key(name)) if name and name_key(name) in keys else table.cursor_row
        table.set_columns([("", 1), (_("name"), table.size.width - _BESIDE_NAME), (_("level"), _LEVEL_WIDTH)])
        for key, entry in self._entries.items():
            mark = "!" if isinstance(entry, Damaged) else "◆" if key == self._marked else " "
            table.add_row(cell(mark), cell(called(entry)), cell(_SHORT_LEVELS[entry.level]), key=key)
        table.move_cursor(row=at)
        self.set_context(self._hint())
        self.set_class(all(entry.level == "shipped" for entry in self._entries.values()), "-none-own")
        self._show()

    def _hint(self) -> str:
        """What the keys do now that is not plain to see."""
        marked = self._entries.get(self._marked or "")
        if marked is not None:
            return _("move on: each is compared with {name}, until c here").format(name=clean(called(marked)))
        return _("enter takes one") if self._choosing else _("enter loads one into the wizard")

    def _current(self) -> Entry | None:
        if not self.is_mounted:
            return None
        entries = list(self._entries.values())
        row = self.query_one(KeyTable).cursor_row
        return entries[row] if 0 <= row < len(entries) else None

    def _preset(self) -> Preset | None:
        """The preset under the cursor, if it can be used."""
        entry = self._current()
        return entry if isinstance(entry, Preset) else None

    @on(KeyTable.RowHighlighted)
    def _show(self) -> None:
        entry = self._current()
        detail, text = self.query_one("#detail"), self.query_one("#text", Static)
        width = max(_NARROWEST, detail.size.width - 1)  # the scroll bar
        marked = self._entries.get(self._marked or "")
        match entry:
            case None:
                text.update(_("No presets."))
            case Damaged():
                detail.border_title = literal(called(entry))
                text.update(describe_damaged(entry, self._shelf.hidden_by(entry.name)))
            case Preset() if isinstance(marked, Preset) and marked is not entry:
                detail.border_title = _("Compared")
                text.update(compare(marked, entry, width))
            case Preset():
                detail.border_title = literal(called(entry))
                text.update(describe(entry, width, self._shelf.hidden_by(entry.name)))
        self.refresh_bindings()

    @on(KeyTable.RowSelected)
    def _load(self) -> None:
        preset = self._preset()
        if preset is None:
            return
        if self._choosing:
            self.dismiss(preset)
        else:
            self.sidestep.open("wizard", preset=preset)

    def action_compare(self) -> None:
        """Marks the preset under the cursor, or takes the mark off."""
        preset = self._preset()
        if preset is not None:
            key = name_key(preset.name)
            self._marked = None if self._marked == key else key
            self._draw()

    @work
    async def action_import(self) -> None:
        """Takes a preset in, after a look at what became of it."""
        await self._do(actions.import_preset(self))

    @work
    async def action_export(self) -> None:
        """Writes the preset to a file."""
        if preset := self._preset():
            await self._do(actions.export(self, preset))

    def action_copy(self) -> None:
        """Copies the preset as text."""
        if preset := self._preset():
            actions.copy(self, preset)

    @work
    async def action_rename(self) -> None:
        """Gives the preset another name."""
        if preset := self._preset():
            await self._do(actions.rename(self, preset))

    @work
    async def action_delete(self) -> None:
        """Removes the preset after a question."""
        if entry := self._current():
            await self._do(actions.delete(self, entry, self._shelf))

    @work
    async def action_from_run(self) -> None:
        """Keeps the settings of a training run."""
        await self._do(actions.keep_run(self))

    async def _do(self, action: Awaitable[str | None]) -> None:
        """Waits for an action and shows what it left; what kept it from being done is told."""
        name = None
        try:
            name = await action
        except SidestepError as error:
            self.sidestep.tell_error(error)
        self._read()
        self._draw(name)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """Shipped presets can be neither renamed nor deleted, damaged ones only deleted."""
        if action in ("compare", "export", "copy", "rename"):
            preset = self._preset()
            return preset is not None and (action != "rename" or preset.level != "shipped")
        if action == "delete":
            entry = self._current()
            return entry is not None and entry.level != "shipped" and bool(entry.name)
        return True
