"""One line below the figures while songs are being labelled: how far it is, what failed, and how to stop it."""

from dataclasses import dataclass

from textual import work
from textual.app import RenderResult
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from sidestep_tui.dataset.edits import Edit
from sidestep_tui.dataset.song import Dataset
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.history import RunSummary
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.dataset.labelling import LabelRun, open_runs
from sidestep_tui.tui.figures import count
from sidestep_tui.tui.outline import bar
from sidestep_tui.tui.text import clean, shorten_middle

_EVERY_SECONDS = 1.0
_BAR = 16


class LabelLine(Widget):
    """Follows labelling runs in a thread and posts what they found; draws the newest of them."""

    DEFAULT_CSS = "LabelLine { height: 1; padding: 0 1; background: $surface; display: none; }"

    summary: reactive[RunSummary | None] = reactive(None)

    @dataclass
    class Found(Message):
        """A run has proposals that nobody has taken, or has come to an end."""

        run: LabelRun
        summary: RunSummary
        edits: list[Edit]

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[LabelRun] = []
        self._busy = False

    def on_mount(self) -> None:
        """Looks about once a second."""
        self.set_interval(_EVERY_SECONDS, self._tick)

    @property
    def running(self) -> LabelRun | None:
        """The run whose engine works now."""
        alive = self.summary is not None and self.summary.condition == "running"
        return self._runs[-1] if alive and self._runs else None

    def watch_summary(self) -> None:
        """The line is there while there is something to say."""
        self.display = self.summary is not None

    def follow(self, run: LabelRun) -> None:
        """Shows a run that was just started."""
        self._runs.append(run)
        self._tick()

    @work(thread=True, group="open-runs")
    def find(self, dataset: Dataset) -> None:
        """Looks for runs that were started before: they go on, or hold what nobody has taken."""
        for run in open_runs(dataset):
            self.app.call_from_thread(self.follow, run)

    def _tick(self) -> None:
        if self._runs and not self._busy:
            self._busy = True
            self._poll(list(self._runs))

    @work(thread=True, group="label-polls")
    def _poll(self, runs: list[LabelRun]) -> None:
        polled: list[tuple[LabelRun, RunSummary, list[Edit]]] = []
        for run in runs:
            try:
                polled.append((run, *run.poll()))
            except (SidestepError, OSError):  # its folder was removed
                continue
        self.app.call_from_thread(self._take, polled)

    def _take(self, polled: list[tuple[LabelRun, RunSummary, list[Edit]]]) -> None:
        self._busy = False
        for run, summary, edits in polled:
            ended = summary.condition != "running"
            if edits or ended:
                self.post_message(self.Found(run, summary, edits))
            if ended and run in self._runs:
                self._runs.remove(run)
        if polled:
            self.summary = polled[-1][1]
        self.refresh()

    def render(self) -> RenderResult:
        """How far the run is; its end stays in sight until the next run."""
        if self.summary is None:
            return ""
        state, progress = self.summary.state, self.summary.state.progress
        name = (_("Labelling "), "bold") if self.summary.condition == "running" else (_("Labelled "), "bold")
        failed = progress.failed if progress else 0
        parts: list[str | tuple[str, str]] = [name]
        if progress is not None and progress.total:
            full, rest = bar(progress.done / progress.total, _BAR)
            item = shorten_middle(clean(progress.item), max(8, self.size.width - 66))
            parts += [
                (full, "$primary"),
                (rest, "$text-muted"),
                _(" {done} of {total}").format(done=count(progress.done), total=count(progress.total)),
            ]
            parts += [(f"  {item}", "$text-muted")]
        elif self.summary.condition == "running":
            parts.append((clean(state.phase), "$text-muted"))
        if failed:
            parts.append((_("  × {failed} failed").format(failed=count(failed)), "$error"))
        if state.failure is not None:
            parts.append((f"  {clean(spoken(state.failure.what))}", "$error"))
        if failed or state.failure is not None or self.summary.condition == "running":
            parts.append(("  L", "bold $footer-key-foreground"))
        return Content.assemble(*parts)
