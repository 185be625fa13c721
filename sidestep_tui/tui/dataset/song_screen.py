"""One song: its fields and where they came from, what was found, the prompts as the model reads them, and its sound."""

from functools import partial
from pathlib import Path
from typing import ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from sidestep_tui.config.places import expanded
from sidestep_tui.dataset.song import Song
from sidestep_tui.dataset.text import printable
from sidestep_tui.texts import _
from sidestep_tui.tui.dataset.facts import FieldTable, FindingsList, Headline
from sidestep_tui.tui.dataset.listener import Listener
from sidestep_tui.tui.dataset.prompt_view import PromptView
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.dataset.song_edits import SongEditingScreen
from sidestep_tui.tui.dataset.sound_view import SoundView
from sidestep_tui.tui.widgets.scroll import KeyScroll
from sidestep_tui.tui.wizard.dialogs import AskScreen

_PANELS: Final = {"facts": "FieldTable", "found": "#found", "prompt": "PromptView", "sound": "SoundView"}
"""What takes the focus, panel by panel."""
_SETTLE_SECONDS: Final = 0.2
"""A song is decoded when the person has stayed with it for so long."""


class SongScreen(SongEditingScreen):
    """A song of the review; gives the key of the one that was looked at last.

    Args:
        review: shared with the table.
        key: of the song.
    """

    HEADING = _("Data set › Song")
    ABOUT = _(
        "The prompts are what the model reads, to the letter. Digits mend what was found; every edit can be undone. "
        "A count of tokens stands only beside the words that it was made from."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "accept", _("Accept, next"), tooltip=_("This song is reviewed: on to the next that is not")),
        Binding("e", "edit_field", _("Edit"), tooltip=_("Edit the field under the cursor")),
        Binding("n,right", "neighbour(1)", _("Next"), tooltip=_("The next song")),
        Binding("p,left", "neighbour(-1)", _("Before"), tooltip=_("The song before")),
        Binding("tab", "panel(1)", _("Panel"), tooltip=_("Fields, findings, prompts, sound")),
        Binding("shift+tab", "panel(-1)", _("Panel before"), show=False),
        Binding("m", "model", _("Count tokens"), show=False, tooltip=_("Count tokens with a model")),
    ]
    DEFAULT_CSS = """
    SongScreen .panel { height: 1fr; padding: 0; }
    SongScreen #left { width: 5fr; }
    SongScreen #right { width: 4fr; }
    SongScreen #fields { height: auto; max-height: 70%; }
    SongScreen #found { height: 1fr; border-top: solid $border-blurred; }
    SongScreen #found:focus { border-top: solid $primary; }
    SongScreen PromptView { padding: 0 1; }
    SongScreen.-narrow #right, SongScreen.-narrow.-prompt #left, SongScreen.-narrow.-sound #left { display: none; }
    SongScreen.-narrow.-prompt #right, SongScreen.-narrow.-sound #right { display: block; }
    SongScreen.-narrow.-prompt #sound, SongScreen.-narrow.-sound #prompt { display: none; }
    """

    def __init__(self, review: Review, key: str) -> None:
        super().__init__(review, key)
        self._visits = 0

    def compose_body(self) -> ComposeResult:
        """Side by side where there is room, else one panel at a time."""
        yield Headline()
        with Horizontal():
            with Vertical(classes="panel", id="left") as left:
                left.border_title = _("Fields")
                yield FieldTable()
                with KeyScroll(id="found"):
                    yield FindingsList()
            with Vertical(id="right"):
                with Vertical(classes="panel", id="prompt") as prompt:
                    prompt.border_title = _("Prompts")
                    yield PromptView(self.review)
                with Vertical(classes="panel", id="sound") as sound:
                    sound.border_title = _("Sound")
                    yield SoundView()
        yield Listener()

    def on_mount(self) -> None:
        """Shows the song."""
        self.query_one(FieldTable).focus()
        self._visit(self.key)
        self.call_after_refresh(self._count_if_known)

    def _visit(self, key: str) -> None:
        """Shows a song; its sound is decoded after a moment, so that leafing through stays light."""
        self.key = key
        self._visits += 1
        self._digits.clear()
        self.set_context(printable(key))
        self.query_one("#found", KeyScroll).scroll_home(animate=False)
        view = self.query_one(SoundView)
        view.sound = self.review.sounds.known(self.song)
        view.notice = _("Reading the sound …")
        self.show_changes()
        if view.sound is None:
            self.set_timer(_SETTLE_SECONDS, partial(self._listen, self._visits))

    def _listen(self, visit: int) -> None:
        if visit == self._visits:
            self.query_one(Listener).listen(self.key, self.song.audio_path)

    def show_changes(self) -> None:
        """Draws the fields, the findings and the prompts."""
        review, song = self.review, self.song
        head = self.query_one(Headline)
        head.song = song
        head.place = (review.shown.index(song.key) + 1 if song.key in review.shown else 0, len(review.shown))
        self.query_one(FieldTable).show(song)
        found = self.query_one(FindingsList)
        found.found = tuple(self.numbered(review.checks.of(song.key)))
        found.checked = review.checks.complete
        self.query_one(PromptView).show(song.key)
        view = self.query_one(SoundView)
        view.treatment, view.whole = review.treatment(song), review.measures.known(song)

    def show_song(self, song: Song) -> None:
        """Goes to a song that an undo or a redo has changed."""
        if song.key != self.key:
            self._visit(song.key)

    @on(Listener.Heard)
    def _heard(self, event: Listener.Heard) -> None:
        song = self.review.songs[event.key]
        if event.sound is not None:
            self.review.sounds.keep(song, event.sound)
            if event.sound.measures is not None:
                self.review.heard(song, event.sound.measures)
        if event.key == self.key:
            view = self.query_one(SoundView)
            view.sound, view.notice = event.sound, event.problem
            self.show_changes()

    def action_neighbour(self, distance: int) -> None:
        """Shows a neighbouring song, in the order of the table."""
        shown = self.review.shown
        place = shown.index(self.key) + distance if self.key in shown else 0
        if 0 <= place < len(shown):
            self._visit(shown[place])
        else:
            self.sidestep.tell(
                _("This is the last song shown.") if distance > 0 else _("This is the first song shown.")
            )

    def action_accept(self) -> None:
        """Keeps that the song is reviewed and goes to the next one that is not."""
        if not self.song.reviewed and not self.edit([self.key], {"reviewed": True}):
            return
        key = self.review.next_unreviewed(self.key)
        if key is None:
            self.sidestep.tell(_("All songs shown are reviewed."))
            self.show_changes()
        else:
            self._visit(key)

    def action_panel(self, distance: int) -> None:
        """Goes to the next panel; on a narrow terminal it takes the place of the others."""
        names = list(_PANELS)
        open_now = next((name for name in names if self.has_class(f"-{name}")), names[0])
        name = names[(names.index(open_now) + distance) % len(names)]
        for other in _PANELS:
            self.set_class(other == name, f"-{other}")
        self.call_after_refresh(self.set_focus, self.query_one(_PANELS[name]))

    def _count_if_known(self) -> None:
        """Counts with the model that was used last, where there is one."""
        from sidestep_tui.tui.wizard.start import remembered

        if self.review.model is None and (known := remembered().get("model.checkpoint")):
            self.review.model = Path(known)
        if not self.review.tokens.keys() >= set(self.review.prompts(self.key)):
            self.query_one(PromptView).count()

    @work(exclusive=True, group="dialog")
    async def action_model(self) -> None:
        """Asks for the model, and counts."""
        held = str(self.review.model or "")
        text = await self.app.push_screen_wait(AskScreen(_("Count tokens with"), held, note=_("a model folder")))
        if text:
            self.review.model = expanded(text)
            self.review.tokens.clear()  # they are another model's, or none could be counted with this one
            self.query_one(PromptView).count()

    def action_back(self) -> None:
        """Back to the table, with the cursor on this song."""
        self.dismiss(self.key)
