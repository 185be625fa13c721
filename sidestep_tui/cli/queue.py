"""`sidestep queue`: runs that wait for the machine, one after another."""

from argparse import Namespace

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.dataset.text import printable
from sidestep_tui.errors import ExitCode, SidestepError
from sidestep_tui.runs import standing
from sidestep_tui.runs.compare import extent_text
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import RunSummary, find_run, summarise
from sidestep_tui.runs.queue import is_worked_on


def configure(parser: Parser) -> None:
    """Adds the verbs below `queue`."""
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    verbs.add_parser("list", help="the runs of the queue in their order").set_defaults(call=_show)
    for name, summary in (("add", "put runs at the end and start working"), ("remove", "take runs out")):
        verb = verbs.add_parser(name, help=summary)
        verb.add_argument("names", metavar="RUN", nargs="+", help="runs' folders or names")
        verb.set_defaults(call=_add if name == "add" else _remove)
    move = verbs.add_parser("move", help="change a run's place")
    move.add_argument("name", metavar="RUN", help="a run's folder or name")
    move.add_argument("by", type=int, help="places towards the end; negative towards the front")
    move.set_defaults(call=_move)
    verbs.add_parser("pause", help="start nothing new; the run under way goes on").set_defaults(call=_pause)
    verbs.add_parser("resume", help="go on, also after a reboot").set_defaults(call=_resume)
    failures = verbs.add_parser("failures", help="what happens after a run that fails")
    failures.add_argument("mode", choices=("skip", "end"), help="go on with the next run, or end the queue")
    failures.set_defaults(call=_failures)


def _show(_: Namespace, out: Output) -> int:
    queue, working = standing.read(), is_worked_on(standing.queue_file())
    runs = [(run, _summary(run)) for run in queue.runs]
    document = {
        "paused": queue.paused,
        "skip_failures": queue.skip_failures,
        "working": working,
        "runs": [{"path": run.path, "condition": s.condition if s else "missing"} for run, s in runs],
    }
    out.show(document, lambda: _table(runs, queue.paused, working))
    return ExitCode.DONE


def _add(options: Namespace, out: Output) -> int:
    for name in options.names:
        standing.add(find_run(name))
    standing.ensure_worker()
    return _show(options, out)


def _remove(options: Namespace, out: Output) -> int:
    for name in options.names:
        standing.remove(find_run(name))
    return _show(options, out)


def _move(options: Namespace, out: Output) -> int:
    standing.move(find_run(options.name), options.by)
    return _show(options, out)


def _pause(options: Namespace, out: Output) -> int:
    standing.set_paused(True)
    return _show(options, out)


def _resume(options: Namespace, out: Output) -> int:
    standing.set_paused(False)
    standing.ensure_worker()
    return _show(options, out)


def _failures(options: Namespace, out: Output) -> int:
    standing.set_skip_failures(options.mode == "skip")
    return _show(options, out)


def _summary(run: RunDirectory) -> RunSummary | None:
    try:
        return summarise(run)
    except SidestepError:  # moved or deleted since it was queued
        return None


def _table(runs: list[tuple[RunDirectory, RunSummary | None]], paused: bool, working: bool) -> RenderableType:
    if not runs:
        return Text("The queue is empty. `sidestep queue add RUN` puts a run into it.")
    word = "paused" if paused else "working" if working else "idle"
    table = Table(box=None, pad_edge=False, title=f"The queue is {word}", title_justify="left", title_style="")
    for column in ("", "RUN", "CONDITION", "DONE"):
        table.add_column(column)
    for place, (run, summary) in enumerate(runs, start=1):
        condition = summary.condition if summary else "missing"
        done = extent_text(summary.state) if summary else ""
        table.add_row(str(place), Text(printable(run.name)), condition, done)
    return table
