"""The left side of a song: its fields with where each came from, and what was found with the key that mends it."""

from typing import Final

from rich.text import Text
from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from sidestep_tui.dataset.fields import FIELDS
from sidestep_tui.dataset.fixes import Fix
from sidestep_tui.dataset.song import Finding, Song, Source
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.dataset.checks import SYMBOLS
from sidestep_tui.tui.dataset.columns import minutes
from sidestep_tui.tui.dataset.editors import shown_value
from sidestep_tui.tui.figures import size
from sidestep_tui.tui.text import clean, shorten
from sidestep_tui.tui.themes import rich_style
from sidestep_tui.tui.widgets.table import KeyTable, cell

SHOWN_FIELDS: Final = tuple(name for name in FIELDS if name != "reviewed")
"""Fields that the list shows; whether the song was reviewed stands in its headline."""
_NAME, _SOURCE = 15, 11
_PADDING = 2
_SCROLLBAR = 1


class FieldTable(KeyTable):
    """The fields of a song, one a line."""

    def __init__(self) -> None:
        super().__init__(id="fields")
        self._width = 0
        self._source_width = 0
        self._song: Song | None = None

    def show(self, song: Song) -> None:
        """Shows this song."""
        self._song = song
        if not self.size.width:
            return  # it is not laid out yet; `on_resize` comes
        source = max(_SOURCE, *(len(written_source(song, name)) for name in SHOWN_FIELDS))
        width = max(10, self.size.width - _NAME - source - 3 * _PADDING - _SCROLLBAR)
        if (width, source) != (self._width, self._source_width):
            self._width, self._source_width = width, source
            self.set_columns([(_("Field"), _NAME), (_("Value"), width), (_("From"), source)])
        self.set_rows([(name, self._cells(song, name)) for name in SHOWN_FIELDS])

    def on_resize(self) -> None:
        """Fills the new width."""
        if self._song is not None:
            self.show(self._song)

    def _cells(self, song: Song, name: str) -> tuple[Text, ...]:
        value = shown_value(song, name)
        muted = rich_style(self, "text-muted")
        from_style = rich_style(self, "accent") if song.source(name) is Source.EDITED else muted
        shown = cell(shorten(clean(value), self._width)) if value else cell("–", muted)
        return cell(name), shown, cell(written_source(song, name), from_style)


def written_source(song: Song, name: str) -> str:
    """Where a field came from and how sure that is, `provider 85%`; nothing where nobody said anything."""
    source, belief = song.source(name), song.beliefs.get(name)
    sure = f" {belief.confidence:.0%}" if belief is not None and belief.confidence is not None else ""
    return "" if source is Source.DEFAULT else f"{source.value}{sure}"


class Headline(Widget):
    """Which song this is, how far the review is, and what the audio file is."""

    DEFAULT_CSS = "Headline { height: 1; padding: 0 1; background: $surface; }"

    song: reactive[Song | None] = reactive(None)
    place: reactive[tuple[int, int]] = reactive((0, 0))
    """The song's number, and how many are shown."""

    def render(self) -> RenderResult:
        """One line; the name itself is in the top line."""
        if self.song is None:
            return ""
        audio = self.song.audio
        channels = {1: _("mono"), 2: _("stereo")}.get(
            audio.channels, _("{channels} channels").format(channels=audio.channels)
        )
        file = _("{codec} {sample_rate:g} kHz {channels}, {size}").format(
            codec=clean(audio.codec), sample_rate=audio.sample_rate / 1000, channels=channels, size=size(audio.size)
        )
        state = (_("✓ reviewed"), "$success") if self.song.reviewed else (_("not reviewed"), "$text-muted")
        number, shown = self.place
        line = Content.assemble(
            (_("{number} of {shown}").format(number=number, shown=shown), "bold"),
            "   ",
            state,
            "   ",
            minutes(self.song.duration),
            (f"   {file}", "$text-muted"),
        )
        return line.truncate(self.size.width, ellipsis=True)


class FindingsList(Widget):
    """What was found in a song: one line each, with the digit that mends it."""

    DEFAULT_CSS = "FindingsList { height: auto; padding: 0 1; }"

    found: reactive[tuple[tuple[Finding, Fix | None, int], ...]] = reactive((), layout=True)
    """Each with what its digit does."""
    checked: reactive[bool] = reactive(False)

    def render(self) -> RenderResult:
        """The worst first; a finding without a digit cannot be mended by a field."""
        if not self.found:
            text = (_("✓ Nothing to look at."), "$success") if self.checked else (_("Checking …"), "$text-muted")
            return Content.assemble(text)
        return Content("\n").join([self._line(finding, fix, digit) for finding, fix, digit in self.found])

    @staticmethod
    def _line(finding: Finding, fix: Fix | None, digit: int) -> Content:
        symbol, colour = SYMBOLS[finding.severity]
        line = Content.assemble((symbol, f"bold ${colour}"), " ", clean(spoken(finding.message)))
        if fix is None:
            return line
        mend = clean(spoken(fix.label))
        return line + Content.assemble((f"  {digit}", "bold $footer-key-foreground"), (f" {mend}", "bold"))
