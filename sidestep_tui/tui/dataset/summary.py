"""One line above the table: how many songs, how much is reviewed, marked and unsaved."""

from typing import Final

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from sidestep_tui.texts import _, ngettext
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.figures import count, duration
from sidestep_tui.tui.outline import bar

_BAR = 12
_WIDE = 100
_FIGURES: Final = {
    "left_out": ("×", _("{count} left out"), "$error"),
    "reviewed": ("✓", _("{count} reviewed"), ""),
    "marked": ("◆", _("{count} marked"), "$accent"),
    "held_out": ("○", _("{count} held out"), "$accent"),
    "unsaved": ("●", _("{count} unsaved"), "$warning"),
}
"""The figures from left to right: symbol, words, colour. Those that are 0 say nothing, but for the reviewed ones."""


class Summary(Widget):
    """Draws the review's figures; call `refresh` after a change."""

    DEFAULT_CSS = "Summary { height: 1; padding: 0 1; background: $surface; }"

    def __init__(self, review: Review) -> None:
        super().__init__()
        self._review = review

    def render(self) -> RenderResult:
        """One line; what it has no room for are first the words beside the symbols."""
        line = self._line(in_words=True)
        if line.cell_length > self.size.width:
            line = self._line(in_words=False)
        return line.truncate(self.size.width, ellipsis=True)

    def _line(self, *, in_words: bool) -> Content:
        review = self._review
        songs = list(review.songs.values())
        parts: list[str | tuple[str, str]] = [
            (ngettext("{count} song", "{count} songs", len(songs)).format(count=count(len(songs))), "bold"),
            (f", {duration(sum(song.duration for song in songs))}", "$text-muted"),
        ]
        numbers = {
            "left_out": len(review.dataset.failures),
            "reviewed": review.reviewed,
            "marked": len(review.marked),
            "held_out": sum(song.held_out for song in songs),
            "unsaved": review.session.edits if review.session.has_unsaved_edits else 0,
        }
        for name, number in numbers.items():
            symbol, words, colour = _FIGURES[name]
            if not number and name != "reviewed":
                continue
            gap = "   "
            if name == "reviewed":
                wide = self.size.width >= _WIDE
                full, rest = bar(number / len(songs) if songs else 0, _BAR) if wide else ("", "")
                parts += [gap, (full, "$success"), (rest, "$text-muted")]
                gap = " " * wide
            told = (words if in_words else "{count}").format(count=count(number))
            parts.append((f"{gap}{symbol} {told}", colour))
        return Content.assemble(*parts)
