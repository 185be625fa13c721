"""The table of songs: draws only the lines in sight, so ten thousand songs move like ten."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.app import RenderResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from sidestep_tui.texts import _
from sidestep_tui.tui.dataset.columns import COLUMNS, fitted, widths
from sidestep_tui.tui.themes import rich_style

if TYPE_CHECKING:
    from sidestep_tui.tui.dataset.review import Review


class TableHead(Widget):
    """The labels of the columns, with an arrow at the one that sorts."""

    DEFAULT_CSS = "TableHead { height: 1; }"

    def __init__(self, review: "Review") -> None:
        super().__init__()
        self._review = review

    def render(self) -> RenderResult:
        """One line."""
        order = self._review.order
        room = widths(self.size.width - 1)  # the scrollbar of the table below
        parts = []
        for name, width in room.items():
            column = COLUMNS[name]
            arrow = ("▼" if order.reverse else "▲") if column is order.column else ""
            label = (
                column.label if cell_len(column.label) + len(arrow) <= width else set_cell_size(column.label, width - 1)
            )
            parts.append(fitted(column, label + arrow, width))
        return Content.styled(" ".join(parts), "bold $text-muted")


class SongTable(ScrollView, can_focus=True):
    """The songs that a review shows, with a cursor.

    Call `renew` after the songs shown, their order or their marks have changed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", _("Down"), show=False),
        Binding("k,up", "move(-1)", _("Up"), show=False),
        Binding("g,home", "edge(-1)", _("First song"), show=False),
        Binding("G,end", "edge(1)", _("Last song"), show=False),
        Binding("ctrl+d,pagedown", "page(1)", _("Page down"), show=False),
        Binding("ctrl+u,pageup", "page(-1)", _("Page up"), show=False),
        Binding("enter", "open", _("Open"), key_display="enter", tooltip=_("Open the song: fields, prompt, sound")),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"songs--cursor"}
    DEFAULT_CSS = """
    SongTable { height: 1fr; overflow-y: scroll; overflow-x: hidden; scrollbar-size: 1 1; }
    SongTable > .songs--cursor { background: $panel; text-style: bold; }
    SongTable:focus > .songs--cursor {
        background: $block-cursor-background; color: $block-cursor-foreground; text-style: $block-cursor-text-style;
    }
    """

    cursor: reactive[int] = reactive(0, repaint=False)

    @dataclass
    class Opened(Message):
        """The song under the cursor was chosen."""

        key: str

    def __init__(self, review: "Review") -> None:
        super().__init__(id="songs")
        self._review = review
        self._strips: dict[tuple[int, bool], Strip] = {}
        self._styles: dict[str, RichStyle] = {}

    @property
    def current(self) -> str | None:
        """The key of the song under the cursor."""
        shown = self._review.shown
        return shown[self.cursor] if 0 <= self.cursor < len(shown) else None

    @property
    def room(self) -> int:
        """Cells of a line; `size` would count the scrollbar as well, which covers what is drawn there."""
        return self.scrollable_size.width

    def renew(self, *, keep: str | None = None) -> None:
        """Draws everything again; the cursor goes to the song `keep`, else stays in its place.

        Whoever has scrolled away from the cursor is left there: labels come in every second.
        """
        shown, was_in_sight = self._review.shown, self._in_sight
        self._strips.clear()
        self.virtual_size = Size(self.room, len(shown))
        self.cursor = shown.index(keep) if keep in shown else max(0, min(self.cursor, len(shown) - 1))
        if was_in_sight or keep is not None:
            self.show_cursor()
        self.refresh()

    @property
    def _in_sight(self) -> bool:
        return self.scroll_offset.y <= self.cursor < self.scroll_offset.y + self.size.height

    def go_to(self, key: str) -> None:
        """Puts the cursor on a song."""
        if key in self._review.shown:
            self.cursor = self._review.shown.index(key)

    def render_line(self, y: int) -> Strip:
        """One song, or nothing below the last one."""
        row = self.scroll_offset.y + y
        if row >= len(self._review.shown):
            return Strip.blank(self.room, self.rich_style)
        at_cursor = row == self.cursor
        known = self._strips.get((row, at_cursor))
        if known is None:
            known = self._strips[row, at_cursor] = self._draw(self._review.shown[row], at_cursor)
        return known

    def _draw(self, key: str, at_cursor: bool) -> Strip:
        song = self._review.songs[key]
        line = self.get_component_rich_style("songs--cursor") if at_cursor else self.rich_style
        segments = []
        for name, width in widths(self.room).items():
            column = COLUMNS[name]
            text, colour = column.cell(song, self._review)
            own = line if at_cursor and self.has_focus else line + self._style(colour)
            segments.append(Segment(fitted(column, text, width), own))
            segments.append(Segment(" ", line))
        return Strip(segments[:-1]).adjust_cell_length(self.room, line)

    def _style(self, colour: str) -> RichStyle:
        if colour not in self._styles:
            self._styles[colour] = rich_style(self, colour)
        return self._styles[colour]

    def watch_cursor(self, before: int, now: int) -> None:
        """Two lines change; the rest only where it must scroll."""
        top = self.scroll_offset.y
        self.show_cursor()
        for row in (before, now):
            self.refresh(Region(0, row - top, self.size.width, 1))

    def show_cursor(self) -> None:
        """Scrolls as far as it takes to see the cursor."""
        top, height = self.scroll_offset.y, self.size.height
        if not height:
            return
        wanted = min(max(top, self.cursor - height + 1), self.cursor)
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, force=True, immediate=True)

    def notify_style_update(self) -> None:
        """Another theme: every colour is looked up again."""
        super().notify_style_update()
        self._styles.clear()
        self._strips.clear()

    def on_resize(self) -> None:
        """Lays the columns out for the new width."""
        self.renew(keep=self.current)

    def on_focus(self) -> None:
        """The cursor looks different now."""
        self._strips.clear()

    def on_blur(self) -> None:
        """The cursor looks different now."""
        self._strips.clear()

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a second one opens."""
        row = self.scroll_offset.y + event.y
        if row == self.cursor:
            self.action_open()
        elif row < len(self._review.shown):
            self.cursor = row

    def action_move(self, by: int) -> None:
        """Moves the cursor by so many songs."""
        self.cursor = max(0, min(self.cursor + by, len(self._review.shown) - 1))

    def action_page(self, direction: int) -> None:
        """Moves the cursor by a screenful."""
        self.action_move(direction * max(1, self.size.height - 1))

    def action_edge(self, direction: int) -> None:
        """Moves the cursor to the first or the last song."""
        self.action_move(direction * len(self._review.shown))

    def action_open(self) -> None:
        """Says that the song under the cursor was chosen."""
        if self.current is not None:
            self.post_message(self.Opened(self.current))
