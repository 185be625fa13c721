"""`sidestep wizard`: the settings wizard, as a screen or, with `--plain`, asked line by line."""

from argparse import Namespace

from sidestep_tui.cli.asking import terminal_asker
from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.cli.plain_wizard import PlainWizard
from sidestep_tui.cli.settings import add_layer_flags
from sidestep_tui.config.places import data_home, whole_path
from sidestep_tui.errors import ExitCode, UsageError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.machine import MachineProbe
from sidestep_tui.texts import _
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.measurements import figures_of_runs
from sidestep_tui.tui.wizard.start import starting_document
from sidestep_tui.tui.wizard.state import WizardState


def configure(parser: Parser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("--plain", action="store_true", help="ask line by line: for screen readers and dumb terminals")
    parser.add_argument("--advanced", action="store_true", help="ask for the advanced settings as well (with --plain)")
    add_layer_flags(parser, presets=True)
    parser.set_defaults(call=_run)


def _run(options: Namespace, out: Output) -> int:
    if out.as_json:
        raise UsageError("The wizard asks questions.", where="--json", fix="give the settings to `sidestep train`")
    config = None if options.config is None else whole_path(options.config)
    if not options.plain:
        from sidestep_tui.tui.app import run_tui

        return run_tui("wizard", preset=options.preset, config=config)
    run = _converse(starting_document(options.preset, config), options.advanced, out)
    if run is None:
        out.say(_("Nothing was started."))
    else:
        words = _("Started {run}. `sidestep watch {typed}` follows it; it goes on without you.")
        out.say(words.format(run=run.path, typed=run.typed))
    return ExitCode.DONE


def _converse(document: WizardDocument, advanced: bool, out: Output) -> RunDirectory | None:
    """Asks line by line; gives the run that was started, if one was."""
    state = WizardState(document, advanced=advanced)
    state.cards = MachineProbe(data_home()).read().cards
    state.runs = figures_of_runs(state.cards)
    try:
        return PlainWizard(state, terminal_asker(), out.say).run()
    except EOFError:
        return None
