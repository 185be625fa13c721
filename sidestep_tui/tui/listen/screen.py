"""Listening over a terminal: the songs that a run generated, the picture of each, and the line that fetches it."""

from pathlib import Path
from typing import ClassVar, Final

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.remote import copy_command
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.dataset.listener import Listener
from sidestep_tui.tui.dataset.sound_view import SoundView
from sidestep_tui.tui.follow import RunFollower
from sidestep_tui.tui.line_screen import LineScreen
from sidestep_tui.tui.listen.samples import Heard, heard_in
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.text import literal
from sidestep_tui.tui.themes import rich_style
from sidestep_tui.tui.widgets.table import KeyTable, cell

_NAME, _MOMENT, _PADDING, _FRAME, _NARROWEST = 24, 16, 2, 6, 12
_EVERY_SECONDS: Final = 2.0


class ListenScreen(SidestepScreen[None]):
    """The songs of a run, those that differ in nothing but the adapter one below the other.

    Args:
        run: its directory.
    """

    HEADING = _("Listen")
    ABOUT = _(
        "Songs of one prompt and seed stand together, so that what changes between them is the adapter. c shows the "
        "line that brings one to the computer in front of you. `sidestep report RUN --serve` plays them all in a "
        "browser."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "fetch", _("Copy scp line"), tooltip=_("The line that fetches the song under the cursor")),
        Binding("b,escape", "back", _("Back"), tooltip=_("Go back to the run")),
    ]
    DEFAULT_CSS = """
    ListenScreen #songs { height: 9; max-height: 45%; }
    ListenScreen.-wide #songs { height: 14; }
    ListenScreen #picture { height: 1fr; }
    """

    def __init__(self, run: RunDirectory) -> None:
        super().__init__()
        self.run = run
        self._songs: tuple[Heard, ...] = ()
        self._follower: RunFollower | None = None
        self._reading = False
        self._shown: Path | None = None
        """The song whose picture is drawn or on its way."""

    def compose_body(self) -> ComposeResult:
        """The songs, and the picture of the one under the cursor."""
        with Vertical(classes="panel", id="songs") as songs:
            songs.border_title = _("Songs")
            yield KeyTable(id="heard")
        with Vertical(classes="panel", id="picture"):
            yield SoundView()
        yield Listener()

    def on_mount(self) -> None:
        """Reads the run, and again while it goes on."""
        self.set_context(self.run.name)
        self.query_one(SoundView).can_focus = False
        self.query_one(SoundView).notice = _("Reading the run's history …")
        self.query_one(KeyTable).focus()
        self.read()
        self.set_interval(_EVERY_SECONDS, self.read)

    def on_resize(self, _event: events.Resize) -> None:
        """Fills the width; the prompt has what the other columns leave, and the name gives way where that is little."""
        room = self.size.width - _MOMENT - 3 * _PADDING - _FRAME
        name = max(_NARROWEST, min(_NAME, room - _NARROWEST))
        prompt = max(_NARROWEST, room - name)
        self.query_one(KeyTable).set_columns([(_("Song"), name), (_("Made"), _MOMENT), (_("Prompt"), prompt)])
        self._show()

    def read(self) -> None:
        """Looks what the run has made since, unless a look is under way."""
        if not self._reading:
            self._reading = True
            self._poll()

    @work(thread=True, group="songs")
    def _poll(self) -> None:
        songs, problem = self._songs, ""
        try:
            if self._follower is None or self._follower.is_replaced():
                self._follower = RunFollower(self.run)
            songs = heard_in(self.run.path, self._follower.poll().state.samples)
        except SidestepError as error:
            problem = spoken(error.what)
        except OSError as error:  # somebody has removed the run, or its disk is away
            problem = error.strerror or str(error)
        self.app.call_from_thread(self._take, songs, problem)

    def _take(self, songs: tuple[Heard, ...], problem: str) -> None:
        self._reading = False
        if songs != self._songs:
            self._songs = songs
            self._show()
            self.refresh_bindings()
        if not songs:
            nothing = problem or _("This run has made no songs yet; they appear here by themselves.")
            self.query_one(SoundView).notice = nothing

    def _show(self) -> None:
        table, muted = self.query_one(KeyTable), rich_style(self, "text-muted")
        table.set_rows(
            [(str(song.path), (cell(song.name), cell(song.moment), cell(song.prompt, muted))) for song in self._songs]
        )

    @on(KeyTable.RowHighlighted)
    def _chosen(self) -> None:
        song = self._current()
        if song is None or song.path == self._shown:
            return
        self._shown = song.path
        title = f"{song.name} · {song.moment}" if song.moment else song.name
        self.query_one("#picture").border_title = literal(title)
        view = self.query_one(SoundView)
        view.sound, view.notice = None, _("decoding …")
        self.query_one(Listener).listen(str(song.path), song.path)

    @on(Listener.Heard)
    def _draw(self, event: Listener.Heard) -> None:
        if event.key == str(self._shown):
            view = self.query_one(SoundView)
            view.sound, view.notice = event.sound, event.problem

    def action_fetch(self) -> None:
        """Shows and copies the line that fetches the song under the cursor."""
        song = self._current()
        if song is not None:
            self.app.push_screen(LineScreen(_("Type this on your own computer"), copy_command(song.path)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a song can be fetched."""
        return bool(self._songs) if action == "fetch" else super().check_action(action, parameters)

    def _current(self) -> Heard | None:
        key = self.query_one(KeyTable).current_key
        return next((song for song in self._songs if str(song.path) == key), None)
