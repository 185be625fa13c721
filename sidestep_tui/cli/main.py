"""The command `sidestep`: one table of verbs, each imported when it is called, and the edge where errors become words.

Without arguments it opens the terminal application. Nothing is imported before it is known to be needed.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sidestep_tui import __version__, garbage
from sidestep_tui.errors import ExitCode, SidestepError, UsageError

if TYPE_CHECKING:
    from sidestep_tui.cli.parser import Parser


@dataclass(frozen=True, slots=True)
class Verb:
    """One command: `home` is `module:function`, where the function adds the verb's arguments to a parser."""

    name: str
    summary: str
    home: str
    hidden: bool = False

    def configure(self) -> "Callable[[Parser], None]":
        """The function that `home` names, imported now."""
        module, _, function = self.home.partition(":")
        configure: Callable[[Parser], None] = getattr(import_module(f"sidestep_tui.cli.{module}"), function)
        return configure


_LOW_BANDWIDTH: Final = "SIDESTEP_LOW_BANDWIDTH"  # as in tui.preferences, which is not imported for every verb

VERBS: Final = (
    Verb("demo", "the whole path on a tiny built-in model, without a card", "demo:configure"),
    Verb("doctor", "what this machine can do, and the fix for what it cannot", "doctor:configure"),
    Verb("models", "list, inspect, fetch and convert models", "models:configure"),
    Verb("dataset", "scan, check, edit and convert folders of songs", "dataset:configure"),
    Verb("label", "fill in what a data set misses, in a run whose finds a review takes over", "label:configure"),
    Verb("preprocess", "encode songs and their texts once, for training", "jobs:configure_preprocess"),
    Verb("import", "take over tensors of another ACE-Step trainer", "jobs:configure_import"),
    Verb("estimate", "measure which modules of the model these songs move", "jobs:configure_estimate"),
    Verb("estimate compare", "how much two rankings agree, and what moved", "estimate_compare:configure"),
    Verb("preflight", "measure what a training run would take here: memory, time, disk", "preflight:configure"),
    Verb("wizard", "set up a training run, question by question", "wizard:configure"),
    Verb("train", "train an adapter on preprocessed songs", "jobs:configure_train"),
    Verb("resume", "continue a run after its newest checkpoint", "resume:configure"),
    Verb("generate", "make a song, with or without an adapter", "jobs:configure_generate"),
    Verb("export", "write an adapter in the form that a consumer loads", "jobs:configure_export"),
    Verb("verify", "load an adapter as its consumer does and measure what it changes", "jobs:configure_verify"),
    Verb("runs", "list, show, compare, steer and delete runs", "runs:configure"),
    Verb("queue", "runs that wait for the machine, one after another", "queue:configure"),
    Verb("watch", "follow a run as plain lines of text", "watch:configure"),
    Verb("report", "one page of a run: curves, settings, and its songs to listen to", "report:configure"),
    Verb("listen", "two samples of a run beside each other, and the lines that fetch them", "listen:configure"),
    Verb("serve", "the terminal application in a browser, on the loopback address behind a token", "serve:configure"),
    Verb("preset", "list, show, save and exchange presets", "presets:configure"),
    Verb("docs", "write the settings reference into docs/reference", "docs:configure", hidden=True),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _settle_streams()
    try:
        code = _answered(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe left; without this, Python's own flush at exit would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    except Exception as error:  # noqa: BLE001 - the process edge: whatever it was is told in words
        return _fail(error, arguments)
    return code


def help_text() -> str:
    """What `sidestep --help` prints."""
    width = max(len(verb.name) for verb in VERBS)
    shown = (f"  {verb.name:<{width}}  {verb.summary}" for verb in VERBS if not verb.hidden)
    return "\n".join(
        (
            "Side-Step teaches ACE-Step 1.5 your own music, from a terminal.",
            "",
            "usage: sidestep [VERB …]",
            "",
            f"  {'':<{width}}  without a verb: the terminal application (--low-bandwidth draws less)",
            *shown,
            "",
            "`sidestep VERB --help` shows a verb's arguments. Every verb takes --json and --debug.",
            "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.",
        )
    )


def _settle_streams() -> None:
    """What a stream cannot encode is escaped; a stream that was closed before we came leads nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        getattr(sys, name).reconfigure(errors="backslashreplace")


def _answered(arguments: list[str]) -> int:
    """The exit code of a command, or of the help text that argparse prints instead and then leaves."""
    try:
        return _dispatch(arguments)
    except SystemExit as stop:
        return int(stop.code or ExitCode.DONE)


def _dispatch(arguments: list[str]) -> int:
    if "--low-bandwidth" in arguments:
        arguments.remove("--low-bandwidth")
        os.environ[_LOW_BANDWIDTH] = "1"  # for this session, whichever verb opens the terminal application
    if not arguments:
        garbage.put_off()  # until the first paint nothing is garbage; the application switches it on again
        from sidestep_tui.tui.app import run_tui

        return run_tui()
    if arguments[0] == "help" and len(arguments) > 1:
        arguments = [*arguments[1:], "--help"]
    if arguments[0].startswith("--") and len(arguments) > 1:
        arguments = _verb_first(arguments)
    if arguments[0] in ("--help", "-h", "help"):
        print(help_text())
        return ExitCode.DONE
    if arguments[0] == "--version":
        print(f"sidestep {__version__}")
        return ExitCode.DONE
    pair = " ".join(arguments[:2])
    if any(verb.name == pair for verb in VERBS):
        return _run_verb(_find_verb(pair), arguments[2:])
    return _run_verb(_find_verb(arguments[0]), arguments[1:])


def _verb_first(arguments: list[str]) -> list[str]:
    """The flags that every verb takes may stand before it as well."""
    from sidestep_tui.cli.parser import COMMON_FLAGS

    flags = list(takewhile(COMMON_FLAGS.__contains__, arguments))
    return [*arguments[len(flags) :], *flags] if len(flags) < len(arguments) else arguments


def _run_verb(verb: Verb, arguments: list[str]) -> int:
    from sidestep_tui.cli.output import Output
    from sidestep_tui.cli.parser import Parser, sentence

    parser = Parser(prog=f"sidestep {verb.name}", description=sentence(verb.summary))
    verb.configure()(parser)
    options = parser.parse_args(arguments)
    return int(options.call(options, Output(options.json)))


def _find_verb(name: str) -> Verb:
    for verb in VERBS:
        if verb.name == name:
            return verb
    import difflib

    close = difflib.get_close_matches(name, [verb.name for verb in VERBS], n=1)
    hint = f"did you mean `sidestep {close[0]}`? " if close else ""
    raise UsageError(f"There is no verb {name!r}.", fix=f"{hint}`sidestep --help` lists them")


def _fail(error: Exception, arguments: list[str]) -> int:
    """Tells a failure and gives its exit code; an error that is not a SidestepError is a bug of ours."""
    from sidestep_tui.cli.output import report_error
    from sidestep_tui.disk_errors import lacks_room

    if "--debug" in arguments:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, OSError) and lacks_room(error):
        fix = "free some space, also where the output goes"
        error = SidestepError("No space is left on the device.", where=error.filename, fix=fix)
    if isinstance(error, FileNotFoundError) and _is_nowhere():
        error = SidestepError("The folder that you are in has been removed.", fix="go to one that is there")
    if not isinstance(error, SidestepError):
        error = SidestepError(
            f"Unexpected {type(error).__name__}: {error}",
            fix="run the command again with --debug and report what it prints",
        )
    report_error(error, as_json="--json" in arguments)
    return error.exit_code


def _is_nowhere() -> bool:
    """Whether the folder of this process is gone: relative paths mean nothing then."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
