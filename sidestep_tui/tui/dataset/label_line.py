"""One line below the figures while songs are being labelled: how far it is, what failed, and how to stop it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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
        """A run has proposals that nobody has taken, or has come to an end. Whoever hears it calls `answer`."""

        run: LabelRun
        summary: RunSummary
        edits: list[Edit]

        @property
        def is_last(self) -> bool:
            """Whether the run finds nothing more."""
            return self.summary.condition != "running"

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[LabelRun] = []
        self._refused: set[Path] = set()
        """Runs whose proposals could not be kept; they are offered once more when the run has ended."""
        self._busy = False
        self._unanswered = 0

    def on_mount(self) -> None:
        """Looks about once a second."""
        self.set_interval(_EVERY_SECONDS, self.look)

    @property
    def running(self) -> LabelRun | None:
        """The run whose engine works now."""
        alive = self.summary is not None and self.summary.condition == "running"
        return self._runs[-1] if alive and self._runs else None

    def watch_summary(self) -> None:
        """The line is there while there is something to say."""
        self.display = self.summary is not None

    def follow(self, run: LabelRun) -> None:
        """Shows a run that was just started, unless `find` has come upon it meanwhile."""
        if run not in self._runs:
            self._runs.append(run)
        self.look()

    @work(thread=True, group="open-runs")
    def find(self, dataset: Dataset) -> None:
        """Looks for runs that were started before: they go on, or hold what nobody has taken."""
        for run in open_runs(dataset):
            self.app.call_from_thread(self.follow, run)

    def answer(self, found: Found, answer: Literal["taken", "refused", "later"]) -> None:
        """Says what became of what was found; nothing is looked for before, or it would be found twice.

        Args:
            found: what was told.
            answer: `taken`; `refused`, which is told again when the run has ended; `later`, which is told again soon.
        """
        self._unanswered -= 1
        if answer == "refused":
            self._refused.add(found.run.run.path)
        if found.is_last and answer != "later":
            self._runs.remove(found.run)

    def look(self) -> None:
        """Asks the runs what they have found, unless they are being asked or an answer is awaited."""
        if self._runs and not self._busy and not self._unanswered:
            self._busy = True
            self._poll(list(self._runs))

    @work(thread=True, group="label-polls")
    def _poll(self, runs: list[LabelRun]) -> None:
        polled: list[LabelLine.Found] = []
        for run in runs:
            try:
                polled.append(self.Found(run, *run.poll()))
            except (SidestepError, OSError):  # it cannot be read now
                continue
        self.app.call_from_thread(self._take, polled)

    def _take(self, polled: list[Found]) -> None:
        self._busy = False
        for found in polled:
            if found.is_last or (found.edits and found.run.run.path not in self._refused):
                self._unanswered += 1
                self.post_message(found)
        if polled:
            self.summary = polled[-1].summary
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
        elif self.summary.condition == "running" and state.phase:
            parts = [(clean(spoken(state.phase)), "bold")]
        if failed:
            parts.append((_("  × {failed} failed").format(failed=count(failed)), "$error"))
        if failed or state.failure is not None or self.summary.condition == "running":
            parts.append(("  L", "bold $footer-key-foreground"))
        if state.failure is not None:
            parts.append((f"  {clean(spoken(state.failure.what))}", "$error"))
        return Content.assemble(*parts).truncate(self.size.width, ellipsis=True)
