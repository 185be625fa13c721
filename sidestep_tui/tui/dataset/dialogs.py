"""Small dialogs of the review: text of several lines, and one assignment for many songs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static, TextArea

from sidestep_tui.dataset.fields import FIELDS
from sidestep_tui.dataset.song import Song
from sidestep_tui.dataset.where import parse_assignment
from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _, ngettext
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.figures import count
from sidestep_tui.tui.leaving import Dialog
from sidestep_tui.tui.text import clean, literal, shorten
from sidestep_tui.tui.widgets.scroll import KeyScroll

_MOST_VALUES: Final = 4
_SPREAD: Final = 40  # cells of the dialog beside the name of a field and the scrollbar


_KEEP: Final = _("[b $footer-key-foreground]ctrl+s[/] keep    [b $footer-key-foreground]esc[/] leave it as it was")
_THROW_AWAY: Final = _(
    "[$text-warning]Not kept yet.[/]  "
    "[b $footer-key-foreground]ctrl+s[/] keep it    [b $footer-key-foreground]esc[/] throw it away"
)


class TextScreen(Dialog[str | None]):
    """Edits a text of several lines; gives None where it was left as it was.

    A text that was changed takes a second escape: lyrics that somebody has typed are more than a slip of a finger.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s,f2", "take", _("Keep"), priority=True),
        Binding("escape", "leave", _("Back"), priority=True),
    ]
    DEFAULT_CSS = """
    TextScreen .dialog { width: 90; height: 90%; }
    TextScreen TextArea, TextScreen TextArea:focus {
        height: 1fr; border: none; background: $background; margin-bottom: 1; padding: 0;
    }
    """

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._asked = False

    def compose(self) -> ComposeResult:
        """A box to write in."""
        with Vertical(classes="dialog"):
            yield Static(literal(self._title, "bold"), classes="dialog-title")
            yield TextArea(self._text, show_line_numbers=False)
            yield Static(_KEEP, id="keys")

    def action_take(self) -> None:
        """Closes with the text."""
        self.dismiss(self.query_one(TextArea).text)

    def action_leave(self) -> None:
        """Closes without the text; one that was changed is asked about first."""
        if self._asked or not self._is_changed:
            self.dismiss(None)
        else:
            self._ask(True)

    @property
    def _is_changed(self) -> bool:
        return self.query_one(TextArea).text != self._text

    def leave_question(self) -> str | None:
        """What was typed is nowhere else."""
        return _("Quit without keeping this text? What you typed is lost.") if self._is_changed else None

    @on(TextArea.Changed)
    def _written(self) -> None:
        self._ask(False)

    def _ask(self, asked: bool) -> None:
        self._asked = asked
        self.query_one("#keys", Static).update(_THROW_AWAY if asked else _KEEP)


class BulkEditScreen(Dialog[Mapping[str, Any] | None]):
    """Sets one field of many songs, written as on the command line: `language=ja`; nothing after `=` clears it.

    Args:
        songs: which; the values that they have now are listed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", _("Back"))]
    DEFAULT_CSS = """
    BulkEditScreen Input { margin-bottom: 1; }
    """

    def __init__(self, songs: Sequence[Song]) -> None:
        super().__init__()
        self._songs = songs

    def compose(self) -> ComposeResult:
        """The line to write, what it would do, and what is there now."""
        number = len(self._songs)
        title = ngettext("[b]Edit {count} song[/b]", "[b]Edit {count} songs[/b]", number)
        with Vertical(classes="dialog dialog-tall"):
            yield Static(title.format(count=count(number)), classes="dialog-title")
            yield Input(placeholder=_("field=value, for instance language=ja"), compact=True)
            yield Static(id="effect", classes="dialog-line")
            with KeyScroll():
                yield Static(Content("\n").join(self._spread(name) for name in FIELDS))
            yield Static(_("[b $footer-key-foreground]enter[/] set it    [b $footer-key-foreground]esc[/] back"))

    def on_mount(self) -> None:
        """Says what can be written."""
        self._tell_effect("")

    @on(Input.Changed)
    def _look(self, event: Input.Changed) -> None:
        self._tell_effect(event.value)

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        try:
            name, value = read_assignment(event.value)
        except SidestepError as error:
            self._say(f"! {spoken(error.what)} {spoken(error.fix or '')}", "$text-error")
        else:
            self.dismiss({name: value})

    def _tell_effect(self, text: str) -> None:
        if "=" not in text:
            fitting = [name for name in FIELDS if name.startswith(text.strip().lower())]
            self._say(_("fields: {names}").format(names=", ".join(fitting) or _("none begins so")), "$text-muted")
            return
        try:
            name, value = read_assignment(text)
        except SidestepError as error:
            self._say(f"! {spoken(error.what)}", "$text-warning")
            return
        read = FIELDS[name].read(value)
        wanted = FIELDS[name].default if read is None else read
        changing = sum(getattr(song, name) != wanted for song in self._songs)
        shown = _("cleared") if value is None else _("set to {value}").format(value=_written(wanted)[:60])
        told = ngettext(
            "{name} is {shown}: {changing} of {songs} song changes",
            "{name} is {shown}: {changing} of {songs} songs change",
            len(self._songs),
        )
        self._say(
            told.format(name=name, shown=shown, changing=count(changing), songs=count(len(self._songs))),
            "$text-success",
        )

    def _say(self, text: str, style: str) -> None:
        self.query_one("#effect", Static).update(Content.styled(clean(text), style))

    def _spread(self, name: str) -> Content:
        """How many songs have which value of a field."""
        held = Counter(getattr(song, name) for song in self._songs)
        default = FIELDS[name].default
        parts = []
        for value, songs in held.most_common(_MOST_VALUES):
            text = "–" if value == default else shorten(clean(_written(value)), 18)
            parts.append(f"{text} ×{songs}" if len(held) > 1 else text)
        more = _(" · {count} more").format(count=len(held) - _MOST_VALUES) if len(held) > _MOST_VALUES else ""
        return Content.assemble(
            (name.ljust(17), "bold"), (shorten(" · ".join(parts), _SPREAD - len(more)) + more, "$text-muted")
        )


def read_assignment(text: str) -> tuple[str, str | None]:
    """`bpm=120` as a field and a value that it can have.

    Raises:
        UsageError: it is no assignment.
        SidestepError: the field cannot have the value.
    """
    name, value = parse_assignment(text)
    try:
        FIELDS[name].read(value)
    except ValueError as error:
        raise SidestepError(f"{name} cannot be set: {error}.") from error
    return name, value


def _written(value: Any) -> str:
    """A value as a person writes it."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
