"""`sidestep runs`: list, show, compare, steer and delete runs."""

import sys
import time
from argparse import Namespace
from typing import Any

from sidestep_tui.cli import run_views
from sidestep_tui.cli.follow import attach
from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.errors import ExitCode, SidestepError, UsageError
from sidestep_tui.runs.compare import differing_settings, outcomes
from sidestep_tui.runs.control import COMMANDS, send_command
from sidestep_tui.runs.history import find_run, read_runs, summarise
from sidestep_tui.runs.removal import remove_run
from sidestep_tui.runs.state import LOSS_STEPS


def configure(parser: Parser) -> None:
    """Adds the verbs below `runs`."""
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    listing = verbs.add_parser(
        "list", help="all runs of this machine",
        description=f"All runs of this machine, the newest first. LOSS is the mean of a run's last {LOSS_STEPS} steps.",
    )  # fmt: skip
    listing.set_defaults(call=_list)
    _verb_on_run(verbs, "show", "one run: how far it is, its results and settings", _show)
    _verb_on_run(verbs, "stop", "ask the engine to save and end after this step", _stop)
    _verb_on_run(verbs, "attach", "show a run with its whole history while it works", _attach)
    deletion = _verb_on_run(verbs, "delete", "remove a run and everything in its folder", _delete)
    deletion.add_argument("--yes", action="store_true", help="do not ask")
    command = _verb_on_run(verbs, "command", "send a request to the engine", _command)
    command.add_argument("command", choices=COMMANDS, help="what to ask for")
    command.add_argument("values", nargs="*", metavar="SETTING=VALUE", help="for set: optimizer.learning_rate=1e-4")
    comparison = verbs.add_parser("compare", help="what differs between runs, and how they did")
    comparison.add_argument("names", metavar="RUN", nargs="+", help="runs' folders or names")
    comparison.set_defaults(call=_compare)


def _verb_on_run(verbs: Any, name: str, summary: str, call: Any) -> Parser:
    parser: Parser = verbs.add_parser(name, help=summary)
    parser.add_argument("name", metavar="RUN", help="a run's folder or name")
    parser.set_defaults(call=call)
    return parser


def _list(_: Namespace, out: Output) -> int:
    summaries, troubles = read_runs()
    for trouble in troubles:
        out.warn(f"{trouble.what} ({trouble.where})")
    out.show([run_views.run_document(s) for s in summaries], lambda: run_views.runs_table(summaries, time.time()))
    return ExitCode.DONE


def _show(options: Namespace, out: Output) -> int:
    summary = summarise(find_run(options.name))
    out.show(run_views.details_document(summary), lambda: run_views.details_view(summary))
    return ExitCode.DONE


def _stop(options: Namespace, out: Output) -> int:
    code = _send(options.name, "stop", out)
    if summarise(find_run(options.name)).state.is_compiling:
        out.say("It compiles its blocks: that comes first, and takes a minute or so.")
    return code


def _command(options: Namespace, out: Output) -> int:
    return _send(options.name, options.command, out, _values(options.command, options.values))


def _values(command: str, given: list[str]) -> dict[str, str]:
    """The settings that `set` is given; other requests take none.

    Raises:
        UsageError: a value is missing or not wanted.
    """
    pairs = [text.partition("=") for text in given]
    if (command == "set") != bool(pairs) or not all(name and sign and value for name, sign, value in pairs):
        raise UsageError(
            "`set` takes SETTING=VALUE, the other requests nothing.",
            where=" ".join([command, *given]),
            fix="for instance `sidestep runs command RUN set optimizer.learning_rate=1e-4`",
        )
    return {name: value for name, _, value in pairs}


def _send(name: str, command: str, out: Output, values: dict[str, str] | None = None) -> int:
    run = find_run(name)
    send_command(run, command, values)
    shown = f"`sidestep watch {run.typed}` shows when it has"
    out.tell({"run": run.path, "command": command}, f"{run.name} was asked to {command}; {shown}.")
    return ExitCode.DONE


def _attach(options: Namespace, out: Output) -> int:
    run = find_run(options.name)
    if not out.is_live:
        return attach(run, out)
    from sidestep_tui.tui.app import run_tui

    return run_tui("monitor", run=run)


def _delete(options: Namespace, out: Output) -> int:
    run = find_run(options.name)
    if run.alive():
        raise SidestepError("An engine is working on this run.", where=run.path, fix="`sidestep runs stop` it first")
    if not options.yes and not _agreed(f"Delete {run.path} and everything in it? [y/N] "):
        raise SidestepError("Nothing was deleted.", where=run.path, fix="answer y, or give --yes")
    remove_run(run)
    out.tell({"deleted": run.path}, f"{run.path} is gone.")
    return ExitCode.DONE


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("Nobody is there to be asked.", fix="give --yes")
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _compare(options: Namespace, out: Output) -> int:
    summaries = [summarise(find_run(name)) for name in options.names]
    rows = [*outcomes(summaries), *differing_settings(summaries)]
    document = {
        "runs": [run_views.run_document(summary) for summary in summaries],
        "differences": dict(rows),
    }
    out.show(document, lambda: run_views.comparison_table(summaries, rows))
    return ExitCode.DONE
