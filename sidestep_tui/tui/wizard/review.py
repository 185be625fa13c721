"""The last step: what differs from the defaults, the same as a command line, how long it takes, and what to do now."""

from dataclasses import dataclass
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalGroup
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.text import clean, pad, shorten, shorten_middle
from sidestep_tui.tui.wizard.values import spell_value
from sidestep_tui.tui.wizard.views import Action, ReviewView, origin_words, time_words

_ACTION_WIDTH: Final = 25
_PATH_WIDTH: Final = 26
_VALUE_WIDTH: Final = 24
_DEFAULT_WIDTH: Final = 16
_ORIGIN_WIDTH: Final = 10


class ActionRow(Static, can_focus=True):
    """One action as one line; Enter does it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "do", _("Do it"))]
    DEFAULT_CSS = """
    ActionRow { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    ActionRow.-long { height: auto; max-height: 3; text-wrap: wrap; }
    ActionRow:focus { background: $panel; text-style: bold; }
    """

    @dataclass
    class Chosen(Message):
        """The action shall be done."""

        key: str

    def __init__(self, action: Action) -> None:
        super().__init__()
        self.action = action
        self.set_class(action.is_long or not action.enabled, "-long")  # why it cannot be done is worth a second line

    def on_mount(self) -> None:
        """Draws the line."""
        style = "" if self.action.enabled else "$text-muted"
        mark = "▸" if self.action.enabled else "–"
        self.update(
            Content.assemble(
                (pad(f"{mark} {self.action.name}", _ACTION_WIDTH), style), (clean(self.action.note), "$text-muted")
            )
        )

    def action_do(self) -> None:
        """Says that this was chosen."""
        self.post_message(self.Chosen(self.action.key))


class Differences(Widget):
    """The settings that differ from the defaults, a line each; the columns follow the width."""

    DEFAULT_CSS = """
    Differences { height: auto; padding: 0 1; margin-top: 1; }
    """

    def __init__(self, view: ReviewView) -> None:
        super().__init__(id="table")
        self.view = view

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's own
        """Known before there is a width: no line is ever wrapped."""
        return 1 + len(self.view.differences)

    def render(self) -> Content:
        """The lines at the width that there is."""
        return self._table(self.content_size.width)

    def _table(self, width: int) -> Content:
        if not self.view.differences:
            return Content.assemble((_("Settings   "), "bold"), (_("all as the defaults"), "$text-muted"))
        lines = [Content.assemble((_("Settings"), "bold"), (_("   that differ from the defaults"), "$text-muted"))]
        path_width = min(_PATH_WIDTH, max(len(difference.field.path) for difference in self.view.differences))
        room = width - path_width - _ORIGIN_WIDTH - 2
        shows_default = room > _VALUE_WIDTH + _DEFAULT_WIDTH
        value_width = room - _DEFAULT_WIDTH - 1 if shows_default else room
        for difference in self.view.differences:
            default = spell_value(difference.default)
            usual = _("default {default}").format(default=default) if default else ""
            note = f"{pad(usual, _DEFAULT_WIDTH)} " if shows_default else ""
            value = pad(shorten_middle(clean(spell_value(difference.value)), value_width), value_width)
            origin = shorten(clean(origin_words(difference.origin)), _ORIGIN_WIDTH)
            lines.append(
                Content.assemble(
                    pad(difference.field.path, path_width),
                    " ",
                    (value, "bold"),
                    " ",
                    (f"{note}{origin}", "$text-muted"),
                )
            )
        return Content("\n").join(lines)


class Review(VerticalGroup):
    """Everything of the last step, from what to do to the settings behind it."""

    DEFAULT_CSS = """
    Review Static.text { padding: 0 1; margin-top: 1; }
    """

    def __init__(self, view: ReviewView) -> None:
        super().__init__()
        self.view = view

    def compose(self) -> ComposeResult:
        """Actions, time, differences, command line."""
        for action in self.view.actions:
            yield ActionRow(action)
        yield Static(self._time(), classes="text")
        yield Differences(self.view)
        if self.view.chosen:
            yield Static(self._chosen(), classes="text")
        yield Static(self._command_lines(), classes="text")

    def _time(self) -> Content:
        return Content.assemble((_("Time       "), "bold"), time_words(self.view))

    def _chosen(self) -> Content:
        """What is left open, as model and optimizer decide it."""
        lines = [Content.assemble((_("Chosen"), "bold"), (_("     what you left open, and why"), "$text-muted"))]
        for path, chosen in self.view.chosen.items():
            lines.append(Content.assemble(pad(path, _PATH_WIDTH), " ", clean(spoken(str(chosen)))))
        return Content("\n").join(lines)

    def _command_lines(self) -> Content:
        lines = [Content.assemble((_("Command"), "bold"), (_("    the same from a shell"), "$text-muted"))]
        return Content("\n").join([*lines, *(Content(clean(command)) for command in self.view.commands)])
