"""`sidestep queue`: runs that wait for the machine, one after another, and the chains that work beside it."""

from argparse import Namespace

from rich.console import Group

from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.cli.queue_views import chain_document, chain_line, queue_table
from sidestep_tui.cli.resume import refuse_completed
from sidestep_tui.config.places import whole_path
from sidestep_tui.errors import ExitCode, SidestepError, UsageError
from sidestep_tui.runs import standing
from sidestep_tui.runs.chains import check_turn, kept_by, unfinished_chains
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import RunSummary, find_run, summarise
from sidestep_tui.runs.queue import is_worked_on, resume_queue


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
    resume = verbs.add_parser("resume", help="go on, also after a reboot")
    resume.add_argument(
        "names", metavar="RUN", nargs="*", help="a run of a chain that has ended early: that chain goes on"
    )
    resume.set_defaults(call=_resume)
    failures = verbs.add_parser("failures", help="what happens after a run that fails")
    failures.add_argument("mode", choices=("skip", "end"), help="go on with the next run, or end the queue")
    failures.set_defaults(call=_failures)


def _show(_: Namespace, out: Output, *, started: bool = False) -> int:
    """The queue; `started` says that its process was started this moment, and may not have reported yet."""
    queue, working = standing.read(), started or is_worked_on(standing.queue_file())
    runs = [(run, _summary(run)) for run in queue.runs]
    waits_for = _kept_by(queue.next_run()) if working else ()
    chains = unfinished_chains(_summary)
    document = {
        "paused": queue.paused,
        "skip_failures": queue.skip_failures,
        "working": working,
        "waits_for": [each.path for each in waits_for],
        "runs": [{"path": run.path, "condition": s.condition if s else "missing"} for run, s in runs],
        "chains": [chain_document(chain) for chain in chains],
    }
    word = "paused" if queue.paused else "working" if working else "idle"
    if waits_for:
        word = f"waiting until {waits_for[0].name} leaves the device"
    out.show(document, lambda: Group(queue_table(runs, word), *map(chain_line, chains)))
    return ExitCode.DONE


def _add(options: Namespace, out: Output) -> int:
    runs = [find_run(name) for name in options.names]
    for run in runs:
        refuse_completed(summarise(run))
        check_turn(run)
    for run in runs:
        standing.add(run)
    return _show(options, out, started=standing.ensure_worker())


def _remove(options: Namespace, out: Output) -> int:
    for name in options.names:
        standing.remove(_queued(name))
    return _show(options, out)


def _move(options: Namespace, out: Output) -> int:
    standing.move(_queued(options.name), options.by)
    return _show(options, out)


def _pause(options: Namespace, out: Output) -> int:
    standing.set_paused(True)
    return _show(options, out)


def _resume(options: Namespace, out: Output) -> int:
    """Without a name whatever a reboot has cut off goes on; a chain that has ended at a failure is named."""
    named = {find_run(name) for name in options.names}
    chains = [chain for chain in unfinished_chains(_summary) if not chain.working]
    chosen = [chain for chain in chains if (chain.runs & named if named else chain.was_cut_off)]
    if stray := named.difference(*(chain.runs for chain in chosen)):
        raise UsageError(
            "No chain that has ended early has this run.",
            where=min(run.path for run in stray),
            fix="`sidestep resume` continues a run; `sidestep queue add` lets it wait in the queue",
        )
    for chain in chosen:
        resume_queue(chain.file)
    if named:
        return _show(options, out)
    standing.set_paused(False)
    return _show(options, out, started=standing.ensure_worker())


def _failures(options: Namespace, out: Output) -> int:
    standing.set_skip_failures(options.mode == "skip")
    return _show(options, out)


def _queued(name: str) -> RunDirectory:
    """The run of the queue at a path or with this name, whether it is still on disk or not.

    Raises:
        UsageError: there is none, or the name fits several.
    """
    path, runs = whole_path(name), standing.read().runs
    found = [run for run in runs if run.path == path] or [run for run in runs if run.name == name]
    if len(found) > 1:
        listed = ", ".join(str(run.path) for run in found)
        raise UsageError(f"Several runs are called {name!r}.", where=listed, fix="give the whole path")
    if not found:
        raise UsageError(f"{name!r} is not in the queue.", fix="`sidestep queue list` shows what is")
    return found[0]


def _summary(run: RunDirectory) -> RunSummary | None:
    try:
        return summarise(run)
    except SidestepError:  # moved or deleted since it was queued
        return None


def _kept_by(run: RunDirectory | None) -> tuple[RunDirectory, ...]:
    summary = None if run is None else _summary(run)
    return () if summary is None else kept_by(summary)
