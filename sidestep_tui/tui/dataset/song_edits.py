"""The part of a song's screen that changes the song: a field, a finding that is mended, the other tempo, the review."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType

from sidestep_tui.dataset.fields import FIELDS
from sidestep_tui.dataset.fixes import Fix, other_tempo
from sidestep_tui.dataset.song import Finding, Song
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.dataset.base import ReviewingScreen
from sidestep_tui.tui.dataset.editors import ask
from sidestep_tui.tui.dataset.facts import FieldTable
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.widgets.table import KeyTable


class SongEditingScreen(ReviewingScreen[str | None]):
    """A screen on one song of the review, with a `FieldTable`.

    Args:
        review: shared with the table of songs.
        key: of the song.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "other_tempo", _("Other tempo"), show=False, tooltip=_("Take half or double the tempo")),
        Binding("v", "toggle_reviewed", _("Reviewed"), show=False, tooltip=_("Reviewed, or not any more; stay here")),
        Binding(
            "1", "mend(1)", _("Mend"), show=False, key_display="1 … 9", tooltip=_("Do what stands beside the finding")
        ),
        *(Binding(str(digit), f"mend({digit})", show=False) for digit in range(2, 10)),
    ]

    def __init__(self, review: Review, key: str) -> None:
        super().__init__(review)
        self.key = key
        self.mends: dict[int, Fix] = {}
        """What the digits do."""
        self._digits: dict[tuple[str, int], int] = {}

    @property
    def song(self) -> Song:
        """The song as it is now."""
        return self.review.songs[self.key]

    def numbered(self, findings: Sequence[Finding]) -> Iterator[tuple[Finding, Fix | None, int]]:
        """Gives each mend its digit, which it keeps while the song is looked at.

        The sound adds findings while somebody reads, and a mend takes one away: a digit that then stood for another
        mend would do what nobody asked for.
        """
        places: Counter[str] = Counter()
        self.mends = {}
        for finding in findings:
            fix, digit = self.review.fix_for(finding), 0
            if fix is not None:
                name = (finding.code, places[finding.code])
                places[finding.code] += 1
                digit = self._digits.setdefault(name, len(self._digits) + 1)
                self.mends[digit] = fix
            yield finding, fix, digit
        if not self.mends:
            self._digits.clear()

    def action_toggle_reviewed(self) -> None:
        """Says whether the song is reviewed."""
        self.edit([self.key], {"reviewed": not self.song.reviewed})

    @on(KeyTable.RowSelected)
    def action_edit_field(self) -> None:
        """Edits the field under the cursor."""
        self._edit_field(self.query_one(FieldTable).current_key or "caption")

    @work(exclusive=True, group="dialog")
    async def _edit_field(self, name: str) -> None:
        changes = await ask(self, self.song, FIELDS[name])
        if changes is not None:
            self.edit([self.key], changes)

    def action_mend(self, number: int) -> None:
        """Does what stands beside a finding."""
        if fix := self.mends.get(number):
            self._mend(fix)

    def action_other_tempo(self) -> None:
        """Takes half or double the tempo."""
        fix = other_tempo(self.song)
        if fix is not None:
            self._mend(fix)

    def _mend(self, fix: Fix) -> None:
        if fix.asks:
            self._edit_field(fix.asks)
        elif self.edit([self.key], fix.changes):
            self.sidestep.tell(_("Done: {label}. u takes it back.").format(label=spoken(fix.label)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys appear only where they would do something."""
        if action == "mend":
            return (number := int(str(parameters[0]))) == 1 or number in self.mends
        if action == "other_tempo":
            return other_tempo(self.song) is not None
        return super().check_action(action, parameters)
