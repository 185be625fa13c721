"""The main panel of jobs without a loss (preprocess, generate, export): how far, at what, and the outcome."""

from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.figures import count, share
from sidestep_tui.tui.outline import bar, headway, phase_about
from sidestep_tui.tui.results import results
from sidestep_tui.tui.text import clean, pad, shorten

if TYPE_CHECKING:
    from sidestep_tui.runs.state import RunState


class ProgressPanel(Widget):
    """A wide bar with what it counts, the phase, the item of the moment, and the results."""

    DEFAULT_CSS = "ProgressPanel { height: 1fr; padding: 1 2; }"

    state: "reactive[RunState | None]" = reactive(None)

    def render(self) -> RenderResult:
        """A few lines; empty ones are left out."""
        if self.state is None:
            return ""
        width = self.size.width
        lines = [self._phase(self.state), *self._bar(self.state, width), *self._results(self.state, width)]
        return Content("\n").join(lines)

    @staticmethod
    def _phase(state: "RunState") -> Content:
        if state.status == "completed":
            return Content.styled(_("done"), "bold")
        if state.started_at is None:
            return Content.styled(_("waiting"), "bold")
        phase = clean(spoken(state.phase)) or _("starting")
        return Content.assemble((phase, "bold"), (f"  {phase_about(state)}", "$text-muted"))

    @staticmethod
    def _bar(state: "RunState", width: int) -> list[Content]:
        way = headway(state)
        if way is None:
            return []
        full, rest = bar(way.share, max(10, width - 8))
        progress = state.progress
        failed = (
            _("   {failed} could not be done, see Events").format(failed=count(progress.failed))
            if progress and progress.failed
            else ""
        )
        item = shorten(clean(progress.item), max(10, width - 10)) if progress else ""
        return [
            Content.assemble((full, "$primary"), (rest, "$text-muted"), f" {share(way.share):>5}"),
            Content.assemble(way.told, (failed, "$text-warning")),
            Content.assemble((_("last  "), "$text-muted"), item) if item else Content(""),
        ]

    @staticmethod
    def _results(state: "RunState", width: int) -> list[Content]:
        shown = list(results(state.results))
        if not shown:
            return []
        label = max(cell_len(result.name) for result in shown) + 2
        lines = [Content(""), Content.styled(_("Results"), "bold")]
        lines += [Content.assemble((pad(result.name, label), "$text-muted"), result.value) for result in shown]
        return [line.truncate(max(1, width)) for line in lines]
