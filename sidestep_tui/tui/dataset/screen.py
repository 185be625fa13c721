"""The table of songs: mark, accept, edit many at once, and the way to one song."""

from typing import ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from sidestep_tui.dataset.song import Song
from sidestep_tui.dataset.text import printable
from sidestep_tui.texts import _, ngettext
from sidestep_tui.tui.dataset.arrange_screen import ArrangingScreen
from sidestep_tui.tui.dataset.dialogs import BulkEditScreen
from sidestep_tui.tui.dataset.find_line import FindLine
from sidestep_tui.tui.dataset.label_line import LabelLine
from sidestep_tui.tui.dataset.song_screen import SongScreen
from sidestep_tui.tui.dataset.song_table import SongTable, TableHead
from sidestep_tui.tui.dataset.summary import Summary
from sidestep_tui.tui.figures import count

_NO_SONGS: Final = _("[b]Not one song could be read[/b]\n\n[b $footer-key-foreground]f[/] says why, file by file.")
_NOTHING_FITS: Final = _("[b]No song fits[/b]\n\n[b $footer-key-foreground]backspace[/] shows all songs again.")
_OF_SONGS: Final = frozenset({"mark", "mark_all", "bulk_edit", "accept"})


class ReviewScreen(ArrangingScreen):
    """The songs of a data set."""

    HEADING = _("Data set")
    ABOUT = _(
        "An edit is in a journal on the disk before you see it: a crash or a lost line costs nothing. "
        "Songs keep their places while you edit; a new filter or order arranges them again."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "find", _("Find"), key_display="/", tooltip=_("Search words, filter, or narrow to @errors …")),
        Binding("space", "mark", _("Mark"), tooltip=_("Mark the song, or take its mark away")),
        Binding("e", "bulk_edit", _("Edit"), tooltip=_("Set a field of the marked songs")),
        Binding("v", "accept", _("Accept"), tooltip=_("This song is reviewed, or is not any more")),
        Binding("f", "findings", _("Found"), tooltip=_("Everything that was found, by kind")),
        Binding(
            "l", "label", _("Label"), tooltip=_("Have tempo, key, captions or lyrics filled in, in the background")
        ),
        Binding("t", "settings", _("Tag"), tooltip=_("Trigger tag, genre ratio: for all songs")),
        Binding("s", "sort", _("Sort"), tooltip=_("Sort by a column")),
        Binding("asterisk", "mark_all", _("Mark all"), show=False, key_display="*", tooltip=_("Mark all songs shown")),
    ]
    DEFAULT_CSS = """
    ReviewScreen #nothing { padding: 1 2; height: 1fr; }
    """

    def compose_body(self) -> ComposeResult:
        """The figures, the table, the line that finds."""
        yield Summary(self.review)
        yield LabelLine()
        yield TableHead(self.review)
        yield SongTable(self.review)
        yield Static(id="nothing")
        yield FindLine()

    def on_mount(self) -> None:
        """Shows the songs, then has them checked."""
        dataset = self.review.dataset
        self.show_changes()
        self.query_one(SongTable).focus()
        self.call_after_refresh(self.check)
        self.query_one(LabelLine).find(dataset)
        edits = self.review.session.edits
        if dataset.replayed and edits:  # else all of them were undone, or none fits any more
            text = ngettext(
                "{edits} unsaved edit of an earlier session is back. w saves it, u undoes it.",
                "{edits} unsaved edits of an earlier session are back. w saves them, u undoes.",
                edits,
            )
            self.sidestep.tell(text.format(edits=count(edits)))

    def show_changes(self) -> None:
        """Draws the table and its figures again, and which file it is: saving may have made it another."""
        dataset = self.review.dataset
        self.set_context(str(dataset.place))
        table, nothing = self.query_one(SongTable), self.query_one("#nothing", Static)
        table.renew()
        table.display = bool(self.review.shown)
        nothing.display = not self.review.shown
        nothing.update(_NOTHING_FITS if self.review.songs else _NO_SONGS)
        self.query_one(Summary).refresh()
        self.query_one(TableHead).refresh()

    def show_song(self, song: Song) -> None:
        """Puts the cursor on it; tells of one that is out of sight, or an undo would seem to do nothing."""
        if song.key in self.review.shown:
            self.query_one(SongTable).go_to(song.key)
        else:
            self.sidestep.tell(_("{song} has changed; the filter hides it.").format(song=printable(song.key)))

    @on(SongTable.Opened)
    def _open(self, event: SongTable.Opened) -> None:
        self.app.push_screen(SongScreen(self.review, event.key), self._came_back)

    def _came_back(self, key: str | None) -> None:
        if key is not None:
            self.query_one(SongTable).go_to(key)

    @work
    async def action_back(self) -> None:  # type: ignore[override]  # it has to ask first
        """Back to all songs; out of the review where all are shown, after asking what becomes of unsaved edits."""
        if self.query_one(FindLine).typing or self.review.query.strip():
            self.action_show_all()
        elif await self.may_leave():
            super().action_back()

    def action_mark(self) -> None:
        """Marks the song and goes to the next one."""
        table = self.query_one(SongTable)
        if table.current is not None:
            self.review.mark([table.current])
            table.action_move(1)
            self.show_changes()

    def action_mark_all(self) -> None:
        """Marks all songs in sight, or takes the marks of all of them away."""
        self.review.mark(self.review.shown)
        self.show_changes()

    def action_accept(self) -> None:
        """Keeps that the song was reviewed."""
        table = self.query_one(SongTable)
        if table.current is not None:
            reviewed = self.review.songs[table.current].reviewed
            if self.edit([table.current], {"reviewed": not reviewed}) and not reviewed:
                table.action_move(1)

    @work(exclusive=True, group="dialog")
    async def action_bulk_edit(self) -> None:
        """Asks for a field and its value, and sets it for the marked songs."""
        current = self.query_one(SongTable).current
        keys = [key for key in self.review.songs if key in self.review.marked] or ([current] if current else [])
        changes = await self.app.push_screen_wait(BulkEditScreen([self.review.songs[key] for key in keys]))
        if changes is not None and self.edit(keys, changes):
            words = ngettext(
                "{changes}: set for {count} song. u takes it back.",
                "{changes}: set for {count} songs. u takes it back.",
                len(keys),
            )
            self.sidestep.tell(words.format(changes=", ".join(changes), count=count(len(keys))))

    @work(exclusive=True, group="dialog")
    async def action_findings(self) -> None:
        """Lists what was found; a kind that is chosen becomes the filter."""
        from sidestep_tui.tui.dataset.findings_screen import FindingsScreen

        code = await self.app.push_screen_wait(FindingsScreen(self.review))
        if code is not None:
            self._look(f"@{code}")
            self.query_one(SongTable).cursor = 0
            self.action_to_table()

    @work(exclusive=True, group="dialog")
    async def action_settings(self) -> None:
        """Opens what holds for all songs."""
        from sidestep_tui.tui.dataset.settings_screen import DatasetSettingsScreen

        await self.app.push_screen_wait(DatasetSettingsScreen(self.review))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys appear only where there is a song that they would be about."""
        if action in _OF_SONGS and not self.review.shown:
            return False
        return super().check_action(action, parameters)
