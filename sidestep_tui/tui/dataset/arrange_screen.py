"""The part of the review that decides which songs are shown in which order, and where the cursor stands among them."""

from typing import ClassVar, Final

from textual import events, on, work
from textual.binding import Binding, BindingType
from textual.widgets import Input

from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.dataset.columns import COLUMNS
from sidestep_tui.tui.dataset.encode_screen import EncodingScreen
from sidestep_tui.tui.dataset.find_line import FindLine
from sidestep_tui.tui.dataset.review import Order
from sidestep_tui.tui.dataset.song_table import SongTable
from sidestep_tui.tui.wizard.dialogs import AskScreen, Choice, PickScreen

_OF_SONGS: Final = frozenset({"sort", "reverse", "jump", "next_unreviewed"})


class ArrangingScreen(EncodingScreen):
    """A review with a `SongTable` and a `FindLine`. The keys that are in sight stand in the screen itself."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("S", "reverse", _("Reverse"), show=False, tooltip=_("Sort the other way round")),
        Binding(
            "n", "next_unreviewed", _("Next to review"), show=False, tooltip=_("To the next song not yet reviewed")
        ),
        Binding("colon", "jump", _("Jump"), show=False, key_display=":", tooltip=_("To a song by its number or name")),
        Binding("backspace", "show_all", _("Show all"), show=False, tooltip=_("All songs again")),
        Binding("tab,shift+tab", "to_table", _("To the table"), show=False),
    ]

    def action_find(self) -> None:
        """Opens the line that finds."""
        line = self.query_one(FindLine)
        line.open()
        line.show_count(self.review.query, len(self.review.shown), len(self.review.songs))
        self.refresh_bindings()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        if self.query_one(FindLine).typing:
            self._look(event.value, unless_empty=True)

    def _look(self, text: str, *, unless_empty: bool = False) -> bool:
        """Shows the songs that fit. Half a filter is none, or fits nothing: the songs wait for the rest of it."""
        try:
            found = self.review.show(text, unless_empty=unless_empty)
        except SidestepError as error:
            self.query_one(FindLine).show_problem(spoken(error.what))
            return False
        self.show_changes()
        self.query_one(SongTable).show_cursor()
        self.query_one(FindLine).show_count(text, found, len(self.review.songs))
        return True

    @on(Input.Submitted)
    def _settled(self, event: Input.Submitted) -> None:
        if self._look(event.value):
            self.action_to_table()

    def action_to_table(self) -> None:
        """Back to the songs; the line stays where it narrows them."""
        self.query_one(FindLine).close(self.review.query)
        self.query_one(SongTable).focus()
        self.refresh_bindings()

    @on(events.DescendantFocus)
    def _focused(self, event: events.DescendantFocus) -> None:
        """A click into the songs ends the typing, one into the line begins it: letters go where the cursor is seen."""
        line = self.query_one(FindLine)
        if isinstance(event.widget, SongTable) and line.typing:
            line.close(self.review.query)
            self.refresh_bindings()
        elif isinstance(event.widget, Input) and not line.typing:
            self.action_find()

    def action_show_all(self) -> None:
        """Takes the filter away; the cursor stays on its song."""
        current = self.query_one(SongTable).current
        self._look("")
        self.query_one(SongTable).renew(keep=current)
        self.action_to_table()

    @work(exclusive=True, group="dialog")
    async def action_sort(self) -> None:
        """Asks for a column; the one that sorts already turns round."""
        choices = [Choice(name, column.label or _("Mark"), column.what) for name, column in COLUMNS.items()]
        held = self.review.order
        name = await self.app.push_screen_wait(PickScreen(_("Sort by"), choices, current=held.column.name))
        if name is not None:
            column = COLUMNS[name]
            self._arrange(Order(column, column is held.column and not held.reverse))

    def action_reverse(self) -> None:
        """Turns the order round."""
        self._arrange(Order(self.review.order.column, not self.review.order.reverse))

    def _arrange(self, order: Order) -> None:
        table = self.query_one(SongTable)
        current = table.current
        self.review.show(order=order)
        self.show_changes()
        table.renew(keep=current)

    @work(exclusive=True, group="dialog")
    async def action_jump(self) -> None:
        """Asks where to."""
        text = await self.app.push_screen_wait(
            AskScreen(_("Jump to"), note=_("a number in this order, or part of a name"))
        )
        if text:
            key = self.review.find(text.strip())
            if key is None:
                self.sidestep.tell(_("No song shown is called {text}.").format(text=text), "warning")
            else:
                self.query_one(SongTable).go_to(key)

    def action_next_unreviewed(self) -> None:
        """Goes on with the review."""
        table = self.query_one(SongTable)
        key = self.review.next_unreviewed(table.current or "")
        if key is None:
            self.sidestep.tell(_("All songs shown are reviewed."))
        else:
            table.go_to(key)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While the line that finds is open, letters belong to it."""
        if self.is_mounted and self.query_one(FindLine).typing:
            return action in ("back", "to_table", "quit", "help", "command_palette")
        if action == "show_all":
            return bool(self.review.query.strip())
        if action in _OF_SONGS:
            return bool(self.review.shown)
        return action != "to_table" and super().check_action(action, parameters)
