"""`sidestep resume RUN`: the engine of a run starts again and continues after the newest checkpoint."""

from argparse import Namespace

from sidestep_tui.cli.follow import launch_and_follow
from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.cli.settings import SettingFlags
from sidestep_tui.config.base import Section
from sidestep_tui.config.jobs import JOBS
from sidestep_tui.config.layers import Layer, resolve
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.errors import UsageError
from sidestep_tui.runs.chains import check_turn
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import RunSummary, find_run, summarise
from sidestep_tui.runs.launch import check_free
from sidestep_tui.runs.longer import what_ended
from sidestep_tui.runs.state import RunState


def configure(parser: Parser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("name", metavar="RUN", help="a run's folder or name")
    parser.add_argument("--detach", action="store_true", help="start the run and return at once")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SETTING=VALUE", dest="values",
        help="go on with another value, for instance checkpoints.keep_last=5; may be given several times",
    )  # fmt: skip
    add_force_flag(parser)
    parser.set_defaults(call=_run)


def add_force_flag(parser: Parser) -> None:
    """Adds `--force`."""
    parser.add_argument(
        "--force", action="store_true", help="change settings of the mathematics in the middle of a run"
    )


def _run(options: Namespace, out: Output) -> int:
    run = find_run(options.name)
    settings = run.settings()
    if options.values:
        settings = _with_values(run, settings, options.values)
    return continue_run(run, settings, out, force=options.force, detach=options.detach)


def continue_run(run: RunDirectory, settings: Section, out: Output, *, force: bool, detach: bool) -> int:
    """Starts the engine of a run that exists again, with these settings, and follows it.

    Raises:
        UsageError: the run did all of its work, or the settings would change the mathematics of one that has begun, and
            nobody forced it.
        SidestepError: an engine works on it, a chain starts it by itself later, or it failed.
    """
    check_free(run)
    check_turn(run)
    changes, summary = run.changes_to(settings), summarise(run)
    if all(change.free for change in changes):
        refuse_completed(summary)
    begun = _has_begun(summary.state)
    run.change_settings(settings, force=force or not begun)
    for change in changes:
        out.say(f"From here on {change}{', forced' if begun and not change.free else ''}.")
    return launch_and_follow(run, out, detach=detach)


def refuse_completed(summary: RunSummary) -> None:
    """Says how a run that has done its work could do more: training goes on where what ended it is moved.

    Raises:
        UsageError: the run did all of its work.
    """
    if summary.condition != "completed":
        return
    run, settings = summary.run, summary.run.settings()
    fix = "start a new run from its config.json"
    if isinstance(settings, TrainSettings):
        longer = " ".join(f"--set {path}={value}" for path, value in what_ended(settings, summary.state).items())
        fix = f"`sidestep resume {run.typed} {longer} --force` trains longer, or {fix}"
    raise UsageError("The run did all of its work.", where=run.path, fix=fix)


def _has_begun(state: RunState) -> bool:
    """Whether there is work that other settings would not fit: a run that failed at its first look has none."""
    return bool(state.step or state.checkpoints or state.validations or state.progress)


def _with_values(run: RunDirectory, settings: Section, values: list[str]) -> Section:
    """The run's settings with `SETTING=VALUE`s laid over them, each read as the flag of that name would be.

    Raises:
        UsageError: there is no such setting, or it cannot have this value.
    """
    if wrong := [text for text in values if not all(text.partition("="))]:
        raise UsageError(
            "--set takes SETTING=VALUE.", where=wrong[0], fix="for instance `--set optimizer.learning_rate=1e-4`"
        )
    model = JOBS[run.job()]
    parser = Parser(prog=f"sidestep {run.job()}", add_help=False)
    flags = SettingFlags(model, parser)
    given = flags.given(parser.parse_args([f"--{text}" for text in values]))
    return resolve(model, [Layer("the run", settings.model_dump(mode="json")), Layer("--set", given)])
