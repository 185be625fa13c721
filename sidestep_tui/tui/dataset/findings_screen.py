"""Everything that was found in a data set, by kind, with what each kind means for the adapter."""

from collections.abc import Collection
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from sidestep_tui.dataset.grouped_fixes import GroupedFix, grouped_fix
from sidestep_tui.texts import _, ngettext
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.dataset.base import ReviewingScreen
from sidestep_tui.tui.dataset.checks import SYMBOLS, FindingGroup
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.figures import count
from sidestep_tui.tui.text import clean, shorten
from sidestep_tui.tui.themes import rich_style
from sidestep_tui.tui.widgets.scroll import KeyScroll
from sidestep_tui.tui.widgets.table import KeyTable, cell
from sidestep_tui.tui.wizard.dialogs import Choice, PickScreen

_MOST_PLACES = 200
_BESIDE = 41
"""Cells of a line that symbol, kind, count, what is between them and the scrollbar take."""


class KindTable(KeyTable):
    """Rows are keyed by the findings' code."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "select_cursor", _("Show songs"), key_display="enter", tooltip=_("Show the songs that have it")
        ),
    ]


class FindingsScreen(ReviewingScreen[str | None]):
    """Lists the kinds of findings; mends all of a kind, or gives the code of the one whose songs are to be shown."""

    HEADING = _("Data set › Findings")
    ABOUT = _("An error keeps a song from training, a warning probably harms the adapter, a remark is worth a look.")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "mend_all", _("Mend all"), tooltip=_("Mend it in all songs that have it, or in the marked ones")),
        Binding("f,escape", "back", _("Back"), tooltip=_("Go back to the songs")),
    ]
    DEFAULT_CSS = """
    FindingsScreen KindTable { height: 1fr; min-height: 5; }
    FindingsScreen KeyScroll { height: 1fr; border: round $border-blurred; padding: 0 1; }
    FindingsScreen KeyScroll:focus { border: round $primary; }
    """

    def __init__(self, review: Review) -> None:
        super().__init__(review)
        self._groups: dict[str, FindingGroup] = {}

    def compose_body(self) -> ComposeResult:
        """The kinds above, where the chosen one was found below."""
        yield KindTable(id="kinds")
        with KeyScroll():
            yield Static(id="places")

    def on_mount(self) -> None:
        """Fills the list."""
        self.on_resize()
        self.query_one("#kinds", KeyTable).focus()

    def on_resize(self) -> None:
        """The messages take what the width leaves."""
        table = self.query_one("#kinds", KeyTable)
        row = table.cursor_row
        table.set_columns([("", 1), (_("Kind"), 24), (_("Count"), 6), (_("What it means, for instance"), self._room)])
        self.show_changes()
        table.move_cursor(row=row)

    @property
    def _room(self) -> int:
        return max(12, self.app.size.width - _BESIDE)

    def show_changes(self) -> None:
        """Lists what is found now."""
        groups = self.review.checks.groups()
        self._groups = {group.code: group for group in groups}
        table = self.query_one("#kinds", KeyTable)
        table.set_rows([(group.code, self._cells(group, self._room)) for group in groups])
        if groups:
            self._show_places()
        else:
            what = _("Nothing was found.") if self.review.checks.complete else _("The songs are still being checked …")
            self.query_one("#places", Static).update(what)
        self.refresh_bindings()

    def _cells(self, group: FindingGroup, width: int) -> tuple[Text, ...]:
        symbol, colour = SYMBOLS[group.severity]
        style = rich_style(self, colour)
        message = shorten(clean(spoken(group.findings[0].message)), width)
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
            where = clean(finding.song) if finding.song else _("the data set")
            fix = self.review.fix_for(finding)
            mend = (f"  → {clean(spoken(fix.label))}", "bold $footer-key-foreground") if fix and fix.changes else ""
            lines.append(Content.assemble((where, "bold"), "  ", clean(spoken(finding.message)), mend))
        if len(group.findings) > _MOST_PLACES:
            lines.append(
                Content.styled(
                    _("and {count} more").format(count=count(len(group.findings) - _MOST_PLACES)), "$text-muted"
                )
            )
        fixes = list(dict.fromkeys(clean(spoken(finding.fix)) for finding in group.findings if finding.fix))
        lines += [Content.styled(_("fix: {fix}").format(fix=fix), "$text-muted") for fix in fixes[:3]]
        self.query_one("#places", Static).update(Content("\n").join(lines))
        self.refresh_bindings()  # whether all can be mended depends on the kind under the cursor

    @on(KeyTable.RowSelected)
    def _choose(self) -> None:
        group = self._groups.get(self.query_one("#kinds", KeyTable).current_key or "")
        if group is None or not any(finding.song in self.review.songs for finding in group.findings):
            self.sidestep.tell(_("This is about no song that could be shown."), "warning")
            return
        self.dismiss(group.code)

    @work(exclusive=True, group="dialog")
    async def action_mend_all(self) -> None:
        """Asks for which songs, and does for each of them what stands beside its finding."""
        group = self._groups.get(self.query_one("#kinds", KeyTable).current_key or "")
        if group is None:
            return
        everywhere, marked = self._fix(group, None), self._fix(group, self.review.marked)
        all_songs = ngettext("{count} song that has it", "{count} songs that have it", len(everywhere.edits))
        choices = [Choice("all", all_songs.format(count=count(len(everywhere.edits))), _left(everywhere))]
        if self.review.marked:
            choices.insert(
                0, Choice("marked", _("The marked ones of them: {songs}").format(songs=_songs(marked)), _left(marked))
            )
        choice = await self.app.push_screen_wait(PickScreen(_("Mend {code}").format(code=group.code), choices))
        fix = {"all": everywhere, "marked": marked}.get(choice or "")
        if fix is not None and fix.edits and self.apply_all(fix.edits):
            self.sidestep.tell(_("{code}: {songs} mended. u takes it back.").format(code=group.code, songs=_songs(fix)))

    def _fix(self, group: FindingGroup, keys: Collection[str] | None) -> GroupedFix:
        return grouped_fix(self.review.dataset, group.findings, group.code, self.review.measures, keys)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Mending needs a finding that follows from the songs themselves."""
        if action == "mend_all" and self.is_mounted:
            group = self._groups.get(self.query_one("#kinds", KeyTable).current_key or "")
            some = () if group is None else group.findings[:_MOST_PLACES]
            return any(fix.changes for finding in some if (fix := self.review.fix_for(finding)) is not None)
        return super().check_action(action, parameters)


def _songs(fix: GroupedFix) -> str:
    return ngettext("{count} song", "{count} songs", len(fix.edits)).format(count=count(len(fix.edits)))


def _left(fix: GroupedFix) -> str:
    return _("{count} more need you").format(count=count(len(fix.left))) if fix.left else ""
