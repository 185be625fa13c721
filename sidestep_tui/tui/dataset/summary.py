"""One line above the table: how many songs, how much is reviewed, marked and unsaved."""

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from sidestep_tui.texts import _, ngettext
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.figures import count, duration
from sidestep_tui.tui.outline import bar

_BAR = 12
_WIDE = 100


class Summary(Widget):
    """Draws the review's figures; call `refresh` after a change."""

    DEFAULT_CSS = "Summary { height: 1; padding: 0 1; background: $surface; }"

    def __init__(self, review: Review) -> None:
        super().__init__()
        self._review = review

    def render(self) -> RenderResult:
        """One line; the parts that say nothing are left out."""
        review = self._review
        songs = len(review.songs)
        wide = self.size.width >= _WIDE
        full, rest = bar(review.reviewed / songs if songs else 0, _BAR) if wide else ("", "")
        seconds = sum(song.duration for song in review.songs.values())
        unsaved = review.session.edits if review.session.has_unsaved_edits else 0
        held_out = sum(song.held_out for song in review.songs.values())
        left_out = len(review.dataset.failures)
        return Content.assemble(
            (ngettext("{count} song", "{count} songs", songs).format(count=count(songs)), "bold"),
            (f", {duration(seconds)}", "$text-muted"),
            (_("   × {left_out} left out").format(left_out=count(left_out)) if left_out else "", "$error"),
            "   ",
            (full, "$success"),
            (rest, "$text-muted"),
            " " * wide + _("✓ {reviewed} reviewed").format(reviewed=count(review.reviewed)),
            (_("   ◆ {marked} marked").format(marked=count(len(review.marked))) if review.marked else "", "$accent"),
            (_("   ○ {held_out} held out").format(held_out=count(held_out)) if held_out else "", "$accent"),
            (_("   ● {unsaved} unsaved").format(unsaved=count(unsaved)) if unsaved else "", "$warning"),
        )
