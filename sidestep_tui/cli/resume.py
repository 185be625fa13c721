"""`sidestep resume RUN`: the engine of a run starts again and continues after the newest checkpoint."""

from argparse import Namespace

from sidestep_tui.cli.follow import launch_and_follow
from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.errors import UsageError
from sidestep_tui.runs.history import find_run, summarise


def configure(parser: Parser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("name", metavar="RUN", help="a run's folder or name")
    parser.add_argument("--detach", action="store_true", help="start the run and return at once")
    parser.set_defaults(call=_run)


def _run(options: Namespace, out: Output) -> int:
    run = find_run(options.name)
    if summarise(run).condition == "completed":
        raise UsageError("The run did all of its work.", where=run.path, fix="start a new run from its config.json")
    return launch_and_follow(run, out, detach=options.detach)
