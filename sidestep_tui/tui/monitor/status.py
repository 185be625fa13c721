"""The head of the monitor: what the run does, how far it is, and its figures of the moment. Three lines."""

from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from sidestep_tui.config.memory.estimate import GIB
from sidestep_tui.files import is_full
from sidestep_tui.runs.events import WAITING_FOR_ROOM
from sidestep_tui.texts import _, ngettext
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.figures import count, duration, load, number, share, size
from sidestep_tui.tui.outline import SYMBOLS, bar, headway, phase_about
from sidestep_tui.tui.results import results
from sidestep_tui.tui.text import clean, shorten
from sidestep_tui.tui.words import word

if TYPE_CHECKING:
    from sidestep_tui.runs.chains import Wait
    from sidestep_tui.runs.history import RunSummary
    from sidestep_tui.runs.state import RunState

_GAP = "   "
_SHORTEST_BAR, _LONGEST_BAR = 5, 40


class StatusLines(Widget):
    """Condition and progress; figures; the last warning, the failure or the outcome."""

    DEFAULT_CSS = "StatusLines { height: 3; padding: 0 1; }"

    summary: "reactive[RunSummary | None]" = reactive(None)
    now: reactive[float] = reactive(0.0)
    wait: "reactive[Wait | None]" = reactive(None)
    """What the run waits for where a queue starts it by itself."""
    problem: reactive[str] = reactive("")
    """Why the run cannot be read now; what was read before stays in sight."""
    full: reactive[bool] = reactive(False)
    """Whether the run's disk is: its engine is silent then, alive or not."""

    def tick(self, now: float) -> None:
        """Lets the time of a living run go on between its events; draws only where it reads differently."""
        self._look_at_disk()
        summary = self.summary
        if summary and summary.condition == "running" and _time(summary, now) != _time(summary, self.now):
            self.now = now

    def watch_summary(self) -> None:
        """What the disk is like belongs to what was read."""
        self._look_at_disk()

    def _look_at_disk(self) -> None:
        self.full = self.summary is not None and is_full(self.summary.run.path)

    def render(self) -> RenderResult:
        """Three lines, each cut at the width."""
        problem = Content.assemble((_("The run cannot be read  "), "bold $text-error"), clean(self.problem))
        if self.summary is None:
            if self.problem:
                return problem
            return Content.styled(_("Reading the run's history …"), "$text-muted")
        width = self.size.width
        notice = problem if self.problem else _notice(self.summary, self.wait, self.full)
        lines = [_progress(self.summary, self.now, width), _figures(self.summary, width), notice]
        return Content("\n").join(line.truncate(width, ellipsis=True) for line in lines)


def _progress(summary: "RunSummary", now: float, width: int) -> Content:
    """Condition, job, bar, count, time: the bar takes what the others leave."""
    state = summary.state
    symbol, colour = SYMBOLS[summary.condition]
    head = Content.assemble((f"{symbol} {word(summary.doing)}", f"bold ${colour}"), f"  {word(summary.job)}")
    way, time = headway(state), _time(summary, now)
    parts = [] if way is None else [share(way.share), way.told]
    parts += [time] if time else []
    if way is not None and head.cell_length + sum(len(_GAP) + cell_len(part) for part in parts) > width:
        parts.remove(way.told)  # the share and the time tell more in few words
    tail = Content(_GAP.join(parts))
    room = width - head.cell_length - tail.cell_length - 2 * len(_GAP)
    if way is None or room < _SHORTEST_BAR:
        return Content(_GAP).join([head, tail])
    full, rest = bar(way.share, min(room, _LONGEST_BAR))
    return Content(_GAP).join([head, Content.assemble((full, "$primary"), (rest, "$text-muted")), tail])


def _time(summary: "RunSummary", now: float) -> str:
    state = summary.state
    if summary.condition != "running":
        worked = state.seconds_at_work()
        return "" if worked is None else _("took {time}").format(time=duration(worked))
    since = state.paused_at
    if since is None and (left := state.seconds_left()) is not None:
        return _("{time} left").format(time=duration(left))
    lasted = state.seconds_at_work(now) if since is None else max(0.0, now - since)
    return "" if lasted is None else _("for {time}").format(time=duration(lasted))


def _figures(summary: "RunSummary", width: int) -> Content:
    """What the run has said so far, as many figures as fit, the most telling first."""
    pairs: list[tuple[str, str]] = []
    state, curves = summary.state, summary.state.curves
    if len(curves.step):
        pairs.append((_("loss"), number(state.recent_loss())))
        pairs.append((_("lr"), number(curves.learning_rate[-1], 3)))
        pairs.append((_("grad"), number(curves.gradient_norm[-1], 3)))
        pairs.append(_pace(state.recent_seconds_per_step()))
        pairs.append((_("wait"), share(state.data_wait_share())))
    if lines := summary.skipped_lines:
        pairs.append(
            (_("skipped"), ngettext("{count} log line", "{count} log lines", lines).format(count=count(lines)))
        )
    pairs.extend(_memory(state))
    if not len(curves.step) and state.device:
        pairs.append((_("device"), clean(state.device)))
    line = Content("")
    for name, value in pairs:
        entry = Content.assemble((f"{name} ", "$text-muted"), (value, "bold"), "  ")
        if line.cell_length + entry.cell_length - 2 <= width:
            line += entry
    return line.rstrip()


def _pace(seconds: float | None) -> tuple[str, str]:
    """Steps per second, or seconds per step where a step takes longer than one."""
    if seconds is None or seconds >= 1:
        return _("s/step"), number(seconds, 3)
    return _("steps/s"), number(1 / seconds, 3) if seconds > 0 else "–"


def _memory(state: "RunState") -> list[tuple[str, str]]:
    memory = state.memory
    if memory is None:
        return []
    if memory.device_bytes is None or memory.device_total_bytes is None:
        return [(_("memory"), size(memory.process_bytes))]
    card = (_("card"), f"{memory.device_bytes / GIB:.1f}/{size(memory.device_total_bytes)}")
    names = (_("use"), _("power"), _("temp"))
    return [card, *((name, value) for name, value in zip(names, load(memory), strict=True) if value)]


def _notice(summary: "RunSummary", wait: "Wait | None", full: bool) -> Content:
    """The one thing that a person should know now."""
    state = summary.state
    if state.failure is not None:
        fix = _("  Fix: {fix}").format(fix=clean(spoken(state.failure.fix))) if state.failure.fix else ""
        return Content.assemble(
            (_("Failed  "), "bold $text-error"), clean(spoken(state.failure.what)), (fix, "$text-muted")
        )
    if summary.condition == "interrupted":
        text = _("The engine is gone without a last word: r continues the run.")
        if full:
            text = _("No space is left on the device, and the engine is gone without a last word: free some, then r.")
        return Content.assemble((_("Interrupted  "), "bold $text-warning"), text)
    if state.stopped is not None:
        return Content.assemble((_("Stopped  "), "bold $text-warning"), clean(spoken(state.stopped.reason)))
    if state.status == "completed":
        return Content.assemble((_("Done  "), "bold $text-success"), _results(state))
    if summary.condition == "running" and state.phase == WAITING_FOR_ROOM:
        text = _("No room on the disk: free some, and the run saves and goes on.")
        return Content.assemble((_("Waiting  "), "bold $text-warning"), text)
    if summary.condition == "running" and full:
        text = _("The disk is full: the run goes on unseen until there is room.")
        return Content.assemble((_("Warning  "), "bold $text-warning"), text)
    if state.warnings:
        several = _(" ({count} so far, see Events)").format(count=len(state.warnings))
        more = several if len(state.warnings) > 1 else ""
        return Content.assemble((_("Warning  "), "bold $text-warning"), clean(spoken(state.warnings[-1].what)), more)
    if summary.condition == "waiting":
        return Content.styled(_waiting(wait), "$text-muted")
    if state.status == "waiting":
        return Content.styled(_("The engine starts; its first word comes in some seconds."), "$text-muted")
    phase = f"{clean(spoken(state.phase))} {phase_about(state)}".strip()
    item = shorten(clean(state.progress.item), 50) if state.progress else ""
    return Content.styled(_GAP.join(part for part in (phase, item) if part), "$text-muted")


def _waiting(wait: "Wait | None") -> str:
    """Why a run has not begun, and how it begins."""
    if wait is not None and wait.kept_by is not None:
        return _("This run waits until {name} leaves the device: r starts it all the same.").format(
            name=clean(wait.kept_by.name)
        )
    if wait is not None and wait.after is not None:
        return _("This run is started by itself after {before}.").format(before=clean(wait.after.name))
    return _("Nothing has run yet: r starts it, and home's key a lets it wait in the queue.")


def _results(state: "RunState") -> str:
    """Figures before paths, which are long and stand among the files."""
    shown = sorted(results(state.results), key=lambda result: result.is_path)
    return _GAP.join(f"{result.name} {result.value}" for result in shown)
