"""What holds for all songs of a data set: trigger tag and its place, genre ratio, instrumentals; and what it does."""

from collections.abc import Sequence
from typing import ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from sidestep_tui.dataset.effective import effective_caption, genre_songs, is_instrumental
from sidestep_tui.dataset.fields import METADATA_FIELDS
from sidestep_tui.dataset.split import hold_out
from sidestep_tui.dataset.text import printable
from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _, ngettext
from sidestep_tui.tui.dataset.base import ReviewingScreen
from sidestep_tui.tui.dataset.editors import checker
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.figures import count
from sidestep_tui.tui.text import clean, shorten
from sidestep_tui.tui.widgets.table import KeyTable, cell
from sidestep_tui.tui.wizard.dialogs import AskScreen, Choice, PickScreen

_TITLES: Final = {
    "name": (_("Name"), _("what the data set is called")),
    "custom_tag": (_("Trigger tag"), _("a word of its own that calls the adapter; every prompt gets it")),
    "tag_position": (_("Tag goes"), _("where in the prompt the tag stands")),
    "genre_ratio": (_("Genre ratio"), _("per cent of songs that are prompted with their genre, not their caption")),
    "all_instrumental": (_("All instrumental"), _("songs without lyrics are so on purpose")),
    "trim_silence": (_("Trim silence"), _("songs begin and end where their sound does; the files stay as they are")),
    "normalization": (_("Normalise"), _("what preprocessing brings every song to; the files stay as they are")),
    "target_lufs": (_("Target loudness"), _("integrated loudness in LUFS, for a normalisation to loudness")),
}
_CHOICES: Final[dict[str, Sequence[tuple[str, str]]]] = {
    "tag_position": (
        ("prepend", _("before the caption")),
        ("append", _("after the caption")),
        ("replace", _("instead of the caption: the tag is all the model hears about")),
    ),
    "all_instrumental": (("true", _("yes")), ("false", _("no"))),
    "trim_silence": (("true", _("yes")), ("false", _("no"))),
    "normalization": (
        ("none", _("songs are as loud as their files")),
        ("peak", _("the largest sample at -1 dB")),
        ("lufs", _("one loudness for all, and no peak above -1 dB")),
    ),
}
_HELD_OUT: Final = "held_out"
_SPLIT: Final = (
    _("Held out"),
    _("songs that no run trains on and every run measures; 0: each run draws its own, as validation.songs says"),
)
_HINT: Final = _(
    "[b]@heldout[/b] in the line that finds shows the songs that are held out, [b]@same-recording[/b] copies. "
    "[b]held_out[/b] of a song, or of marked songs with [b]e[/b], chooses others."
)


class SettingTable(KeyTable):
    """Rows are keyed by the field's name."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", _("Change"), key_display="enter", tooltip=_("Change the field")),
    ]

    def on_resize(self) -> None:
        """What is said of a field may take another line, of a low terminal from the table: the cursor stays in it."""
        self.move_cursor(row=self.cursor_row)


class DatasetSettingsScreen(ReviewingScreen[None]):
    """The data set's own fields."""

    HEADING = _("Data set › For all songs")
    ABOUT = _("A song's own trigger tag, and what is said of the song itself, go before what stands here.")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t,escape", "back", _("Back"), tooltip=_("Go back to the songs")),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-tall")]  # noqa: RUF012 - Textual declares it as an instance's
    DEFAULT_CSS = """
    DatasetSettingsScreen SettingTable { height: 1fr; min-height: 3; max-height: 10; margin: 1 1 0 1; }
    DatasetSettingsScreen Static { padding: 0 2; margin-bottom: 1; }
    DatasetSettingsScreen.-short SettingTable { margin: 0 1; }
    DatasetSettingsScreen.-short Static { margin: 0; }
    """

    def __init__(self, review: Review) -> None:
        super().__init__(review)
        self._sample = next(iter(review.shown), None)

    def compose_body(self) -> ComposeResult:
        """The fields, what they make of a song, what is set elsewhere."""
        yield SettingTable(id="settings")
        yield Static(id="what", classes="muted")
        yield Static(id="effect")
        yield Static(_HINT, classes="muted")

    def on_mount(self) -> None:
        """Fills the list."""
        self.on_resize()
        self.query_one("#settings", KeyTable).focus()

    def on_resize(self) -> None:
        """The values take what the width leaves."""
        table = self.query_one("#settings", KeyTable)
        row = table.cursor_row
        table.set_columns([(_("Field"), 16), (_("Value"), max(20, self.app.size.width - 26))])
        self.show_changes()
        table.move_cursor(row=row)

    def show_changes(self) -> None:
        """Draws the values and their effect."""
        self.set_context(self.review.dataset.metadata.name)
        rows = []
        for name in METADATA_FIELDS:
            rows.append((name, (cell(_TITLES[name][0]), cell(self._shown(name)))))
        rows.append((_HELD_OUT, (cell(_SPLIT[0]), cell(self._held_out()))))
        self.query_one("#settings", KeyTable).set_rows(rows)
        self.query_one("#effect", Static).update(self._effect())

    def _held_out(self) -> str:
        number = sum(song.held_out for song in self.review.dataset.songs)
        held_out = ngettext("{count} song", "{count} songs", number).format(count=count(number))
        return held_out if number else _("drawn by each run")

    def _shown(self, name: str) -> str:
        value = self._value(name)
        match name:
            case "genre_ratio":
                return f"{value} %"
            case "target_lufs":
                return f"{value:g} LUFS"
            case "all_instrumental" | "trim_silence":
                return _("yes") if value else _("no")
            case _:
                return printable(str(value)) or "–"

    def _value(self, name: str) -> object:
        return getattr(self.review.dataset.metadata, name)

    def _effect(self) -> Content:
        """How many songs are concerned, and the prompt of one of them."""
        dataset = self.review.dataset
        own = sum(bool(song.custom_tag) for song in dataset.songs)
        silent = sum(is_instrumental(song, dataset.metadata) for song in dataset.songs)
        genre = genre_songs(dataset)
        figures = [
            ngettext("{genre} song by genre", "{genre} songs by genre", len(genre)).format(genre=count(len(genre))),
            _("{own} with a tag of their own").format(own=count(own)),
        ]
        lines = [
            Content.styled(
                ", ".join([*figures, _("{silent} instrumental").format(silent=count(silent))]), "$text-muted"
            )
        ]
        if self._sample is not None:
            song = self.review.songs[self._sample]
            caption = effective_caption(song, dataset.metadata, use_genre=song.key in genre)
            name = shorten(printable(song.key), 40)
            lines.append(
                Content.assemble(
                    (_("caption of {name}:  ").format(name=name), "$text-muted"), clean(caption) or _("(empty)")
                )
            )
        return Content("\n").join(lines)

    @on(KeyTable.RowHighlighted)
    def _explain(self) -> None:
        """Says what the field under the cursor does."""
        name = self.query_one("#settings", KeyTable).current_key
        what = _SPLIT[1] if name == _HELD_OUT else _TITLES[name][1] if name else ""
        self.query_one("#what", Static).update(what)

    @on(KeyTable.RowSelected)
    @work(exclusive=True, group="dialog")
    async def _change(self) -> None:
        """Asks for a new value."""
        name = self.query_one("#settings", KeyTable).current_key or "name"
        if name == _HELD_OUT:
            await self._split()
            return
        title, what = _TITLES[name]
        held = str(self._value(name))
        if name in _CHOICES:
            choices, held = [Choice(key, key, note) for key, note in _CHOICES[name]], held.lower()
            value = await self.app.push_screen_wait(PickScreen(title, choices, current=held))
        else:
            value = await self.app.push_screen_wait(
                AskScreen(title, held, check=checker(METADATA_FIELDS[name]), note=what)
            )
        if value in (None, held):
            return
        try:
            self.review.edit_metadata({name: value})
        except SidestepError as error:
            self.sidestep.tell_error(error)
            return
        self.after_edit()

    async def _split(self) -> None:
        """Asks how many songs are held out, and marks as many."""
        held = str(sum(song.held_out for song in self.review.dataset.songs))
        text = await self.app.push_screen_wait(AskScreen(_SPLIT[0], held, check=self._split_problem, note=_SPLIT[1]))
        if text is not None and (edits := hold_out(self.review.dataset, int(text))):
            self.apply_all(edits)

    def _split_problem(self, text: str) -> str | None:
        most = max(0, len(self.review.songs) - 1)
        fits = text.isascii() and text.isdigit() and int(text) <= most
        return None if fits else _("A number from 0 to {most}.").format(most=count(most))
