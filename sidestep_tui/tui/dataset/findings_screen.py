"""Everything that was found in a data set, by kind, with what each kind means for the adapter."""

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from sidestep_tui.tui.dataset.checks import SYMBOLS, FindingGroup
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.figures import count
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.text import clean, shorten
from sidestep_tui.tui.themes import rich_style
from sidestep_tui.tui.widgets.scroll import KeyScroll
from sidestep_tui.tui.widgets.table import KeyTable, cell

_MOST_PLACES = 200


class KindTable(KeyTable):
    """Rows are keyed by the findings' code."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Show songs", key_display="enter", tooltip="Show the songs that have it"),
    ]


class FindingsScreen(SidestepScreen[str | None]):
    """Lists the kinds of findings; gives the code of the one whose songs are to be shown."""

    HEADING = "Data set › Findings"
    ABOUT = "An error keeps a song from training, a warning probably harms the adapter, a remark is worth a look."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f,escape", "back", "Back", tooltip="Go back to the songs"),
    ]
    DEFAULT_CSS = """
    FindingsScreen KindTable { height: 1fr; min-height: 5; }
    FindingsScreen KeyScroll { height: 1fr; border: round $border-blurred; padding: 0 1; }
    FindingsScreen KeyScroll:focus { border: round $primary; }
    """

    def __init__(self, review: Review) -> None:
        super().__init__()
        self._review = review
        self._groups: dict[str, FindingGroup] = {}

    def compose_body(self) -> ComposeResult:
        """The kinds above, where the chosen one was found below."""
        yield KindTable(id="kinds")
        with KeyScroll():
            yield Static(id="places")

    def on_mount(self) -> None:
        """Fills the list."""
        groups = self._review.checks.groups()
        self._groups = {group.code: group for group in groups}
        table = self.query_one("#kinds", KeyTable)
        width = max(30, self.app.size.width - 38)
        table.set_columns([("", 1), ("Kind", 24), ("Count", 5), ("What it means, for instance", width)])
        table.set_rows([(group.code, self._cells(group, width)) for group in groups])
        table.focus()
        if not groups:
            what = "Nothing was found." if self._review.checks.complete else "The songs are still being checked …"
            self.query_one("#places", Static).update(what)

    def _cells(self, group: FindingGroup, width: int) -> tuple[Text, ...]:
        symbol, colour = SYMBOLS[group.severity]
        style = rich_style(self, colour)
        message = shorten(clean(group.findings[0].message), width)
        return (
            cell(symbol, style),
            cell(group.code, style),
            cell(count(len(group.findings)), right=True),
            cell(message),
        )

    @on(KeyTable.RowHighlighted)
    def _show_places(self) -> None:
        group = self._groups.get(self.query_one("#kinds", KeyTable).current_key or "")
        if group is None:
            return
        lines = []
        for finding in group.findings[:_MOST_PLACES]:
            where = clean(finding.song) if finding.song else "the data set"
            lines.append(Content.assemble((where, "bold"), "  ", clean(finding.message)))
        if len(group.findings) > _MOST_PLACES:
            lines.append(Content.styled(f"and {count(len(group.findings) - _MOST_PLACES)} more", "$text-muted"))
        fixes = list(dict.fromkeys(clean(finding.fix) for finding in group.findings if finding.fix))
        lines += [Content.styled(f"fix: {fix}", "$text-muted") for fix in fixes[:3]]
        self.query_one("#places", Static).update(Content("\n").join(lines))

    @on(KeyTable.RowSelected)
    def _choose(self) -> None:
        group = self._groups.get(self.query_one("#kinds", KeyTable).current_key or "")
        if group is None or not any(finding.song in self._review.songs for finding in group.findings):
            self.sidestep.tell("This is about no song that could be shown.", "warning")
            return
        self.dismiss(group.code)
