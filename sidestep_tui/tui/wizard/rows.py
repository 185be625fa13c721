"""One setting as one line: its name, its value with the control that fits its kind, and where the value comes from."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from sidestep_tui.config.fields import SettingField
from sidestep_tui.config.places import expanded, here
from sidestep_tui.texts import _
from sidestep_tui.tui.wizard.dialogs import BrowseScreen, Choice, PickScreen
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.paths import FolderSuggester
from sidestep_tui.tui.wizard.row_faces import EMPTY, name_face, origin_face, value_face
from sidestep_tui.tui.wizard.values import spell_value

_NARROW_ORIGIN, _WIDE_ORIGIN = 12, 22
_NUMERIC: Final = ("integer", "number")


class SettingRow(Horizontal, can_focus=True):
    """A setting in the list. It changes nothing itself: it says what was typed or chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "edit", _("Edit"), tooltip=_("Type a value, or choose one")),
        Binding("space", "switch", _("Switch"), show=False, tooltip=_("Switch on or off, or take the next choice")),
        Binding("right,l", "turn(1)", _("Next choice"), show=False),
        Binding("left,h", "turn(-1)", _("Choice before"), show=False),
        Binding("b", "browse", _("Browse"), tooltip=_("Choose the folder in a tree")),
        Binding("x", "reset", _("Reset"), show=False, tooltip=_("Take back what was edited")),
        Binding("escape", "cancel", _("Cancel"), tooltip=_("Leave the value as it was")),
        Binding("tab", "complete", _("Complete"), show=False, tooltip=_("Take the completion of a folder's name")),
    ]
    SCOPED_CSS = False  # the width of the screen is told by a class of the screen
    DEFAULT_CSS = """
    SettingRow { height: 1; padding: 0 1; }
    SettingRow > .name { width: 24; }
    SettingRow > .value { width: 1fr; }
    SettingRow > .origin { width: 12; text-align: right; color: $text-muted; }
    SettingRow > Input { width: 1fr; background: $surface; }
    SettingRow:focus, SettingRow:focus-within { background: $panel; text-style: bold; }
    .-wide SettingRow > .name { width: 30; }
    .-wide SettingRow > .origin { width: 22; }
    .-slim SettingRow { padding: 0; }
    .-slim SettingRow > .origin { display: none; }
    """

    @dataclass
    class Changed(Message):
        """A value was typed or chosen; `text` is what it is spelled like."""

        row: "SettingRow"
        text: str

    @dataclass
    class Done(Message):
        """The line is closed again."""

        row: "SettingRow"

    @dataclass
    class Reset(Message):
        """The edit shall be taken back."""

        row: "SettingRow"

    def __init__(self, setting: SettingField) -> None:
        super().__init__()
        self.setting = setting
        self._document: WizardDocument | None = None
        self._shown = ""
        self._before = ""

    def compose(self) -> ComposeResult:
        """Three columns."""
        yield Static(classes="name")
        yield Static(classes="value")
        yield Static(classes="origin")

    def on_mount(self) -> None:
        """What was to be shown may have been told before there was a place for it."""
        if self._document is not None:
            self.show(self._document)

    @property
    def editing(self) -> bool:
        """Whether a line is being typed."""
        return bool(self.query(Input))

    def show(self, document: WizardDocument) -> None:
        """Draws the setting as it stands in the document; a line that is only about to be made does so when it is."""
        self._document = document
        if not self.children:
            return
        self._shown = spell_value(document.shown(self.setting))
        self.query_one(".name", Static).update(name_face(self.setting, document))
        width = _WIDE_ORIGIN if self.screen.has_class("-wide") else _NARROW_ORIGIN
        origin = origin_face(self.setting, document, width)
        gap = int(origin.cell_length >= width)  # two full columns beside each other would read as one word
        self.query_one(".value", Static).update(value_face(self.setting, document, self._room() - gap))
        self.query_one(".origin", Static).update(origin)

    def _room(self) -> int:
        """Cells for the value: what the other columns leave; while a line is typed in its place it has no width."""
        others = (self.query_one(name) for name in (".name", ".origin"))
        return self.content_size.width - sum(column.outer_size.width for column in others if column.display)

    def on_resize(self) -> None:
        """A path is shortened to what the width leaves."""
        if self._document is not None:
            self.show(self._document)

    def action_edit(self) -> None:
        """Opens the control that fits the kind of the setting."""
        match self.setting.kind:
            case "flag":
                self._say("off" if self._shown == "on" else "on")
            case "choice":
                self._pick()
            case _:
                self.type_into(self._shown)

    def action_switch(self) -> None:
        """Switches a flag, or takes the next choice."""
        if self.setting.kind == "choice":
            self.action_turn(1)
        else:
            self.action_edit()

    def action_turn(self, by: int) -> None:
        """Takes the next or the previous choice."""
        choices = self._choices()
        if choices:
            index = choices.index(self._shown) + by if self._shown in choices else 0
            self._say(choices[index % len(choices)])

    def action_reset(self) -> None:
        """Takes the edit back."""
        self.post_message(self.Reset(self))

    def action_browse(self) -> None:
        """Chooses a folder in a tree."""

        def take(path: Path | None) -> None:
            if path is not None:
                self._say(str(path))

        self.app.push_screen(BrowseScreen(expanded(self._shown or here())), take)

    def action_cancel(self) -> None:
        """Leaves the line with the value as it was before."""
        self._say(self._before)
        self._close()

    def action_complete(self) -> None:
        """Takes the completion that is shown behind the cursor."""
        self.query_one(Input).action_cursor_right()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """Keys appear only where they would do something."""
        kind, editing = self.setting.kind, self.editing
        match action:
            case "cancel":
                return editing
            case "complete":
                return editing and kind == "path"
            case "browse":
                return kind == "path" and not editing
            case "turn":
                return bool(self._choices()) and not editing
            case "switch":
                return kind in ("flag", "choice") and not editing
            case "edit" | "reset":
                return not editing
            case _:
                return True

    def type_into(self, text: str) -> None:
        """Opens a line with this text in it."""
        if self.editing:
            return
        self._before = self._shown
        suggester = FolderSuggester() if self.setting.kind == "path" else None
        replaced = self.setting.kind != "path" and text == self._shown  # typing replaces a value, and extends a path
        line = Input(text, compact=True, suggester=suggester, select_on_focus=replaced)
        self.query_one(".value").display = False
        self.mount(line, before=self.query_one(".origin"))
        line.focus()
        self.refresh_bindings()

    def on_key(self, event: events.Key) -> None:
        """A digit on a number begins to type it, and what arrived together with it goes into the line as well.

        Over a slow line several keys arrive at once, and those that were dealt out before the line had the focus come
        here; what the line itself is typed never does.
        """
        character = event.character or ""
        if self.editing and event.is_printable:
            event.stop()
            self.query_one(Input).insert_text_at_cursor(character)
            return
        if not self.editing and self.setting.kind in _NUMERIC and (character.isdigit() or character in (".", "-")):
            event.stop()
            self.type_into(character)
            self._say(character)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._say(event.value)

    @on(Input.Submitted)
    @on(Input.Blurred)
    def _done(self, event: Input.Submitted | Input.Blurred) -> None:
        event.stop()
        self._close(refocus=isinstance(event, Input.Submitted))

    def _close(self, *, refocus: bool = True) -> None:
        if not self.editing:
            return
        self.query_one(Input).remove()
        self.post_message(self.Done(self))
        self.query_one(".value").display = True
        if refocus:
            self.screen.set_focus(self)  # not by `focus`, which waits its turn: by then the step may be another one
        self.refresh_bindings()

    def _pick(self) -> None:
        def take(key: str | None) -> None:
            if key is not None:
                self._say(key if key != EMPTY else "")

        entries = [Choice(choice or EMPTY, choice or "none") for choice in self._choices()]
        self.app.push_screen(PickScreen(self.setting.path, entries, current=self._shown or EMPTY), take)

    def _choices(self) -> tuple[str, ...]:
        """The choices as they are spelled; an optional one can be empty as well."""
        if self.setting.kind != "choice":
            return ()
        return (*(("",) if self.setting.optional else ()), *self.setting.choices)

    def _say(self, text: str) -> None:
        self.post_message(self.Changed(self, text))
