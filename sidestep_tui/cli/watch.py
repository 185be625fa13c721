"""`sidestep watch RUN`: a run as plain lines, for logs, pipes and simple terminals."""

from argparse import Namespace

from sidestep_tui.cli.follow import attach
from sidestep_tui.cli.lines import LineWriter
from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.errors import ExitCode
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import find_run
from sidestep_tui.runs.log import read_events
from sidestep_tui.runs.state import RunState, apply


def configure(parser: Parser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("name", metavar="RUN", help="a run's folder or name")
    parser.add_argument("--once", action="store_true", help="print what happened so far and return")
    parser.set_defaults(call=_run)


def _run(options: Namespace, out: Output) -> int:
    run = find_run(options.name)
    return _so_far(run, out) if options.once else attach(run, out)


def _so_far(run: RunDirectory, out: Output) -> int:
    writer, state = LineWriter(), RunState()
    for event in read_events(run.events_file):
        state = apply(state, event)
        if out.as_json:
            out.json_line(event)
        elif line := writer.line(event, state):
            out.say(line)
    return ExitCode.DONE
