"""The argument parser of every verb: the common flags, and mistakes as UsageError instead of an exit."""

import argparse
import difflib
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from sidestep_tui.errors import UsageError

_TRUTHS: Final = ("true", "false", "on", "off", "yes", "no")
_HIGHEST_PORT: Final = 65_535
COMMON_FLAGS: Final = {"--json": "machine-readable output only", "--debug": "show the traceback of an error"}


def port(text: str) -> int:
    """A port that was given, 0 for any that is free.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not text.isdecimal() or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"there is no port {text}, choose one from 1 to {_HIGHEST_PORT}")
    return int(text)


def sentence(summary: str) -> str:
    """A verb's summary as its help text begins."""
    return f"{summary[:1].upper()}{summary[1:]}."


class _Verbs(argparse._SubParsersAction):  # type: ignore[type-arg]  # generic for type checkers alone
    """Verbs within a verb; what a list says of each begins its own help text, too."""

    def add_parser(self, name: str, **options: Any) -> Any:
        return super().add_parser(name, **{"description": sentence(options["help"]), **options})


class Parser(argparse.ArgumentParser):
    """`ArgumentParser` with `--json` and `--debug` on every level, that raises UsageError for a wrong command line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)
        self.register("action", "parsers", _Verbs)
        for flag, text in COMMON_FLAGS.items():
            # Suppressed, so that a nested parser's default does not overwrite what its parent was given.
            self.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=text)

    def print_help(self, file: Any = None) -> None:
        """Prints the help text; unlike argparse's own, it fails where that cannot be written."""
        print(self.format_help(), end="", file=file)

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """The parsed command line.

        Raises:
            UsageError: something in it is unknown, missing or not usable.
        """
        return self.parse_known_args(args, namespace or argparse.Namespace(json=False, debug=False))[0]

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse has it, for a verb at a time; a nested verb refuses what it does not know itself.

        Raises:
            UsageError: as `parse_args`, or a switch was given a value, which would else be taken for the verb's own
                argument.
        """
        words = list(sys.argv[1:] if args is None else args)
        for word, following in zip(words, [*words[1:], ""], strict=False):
            flag, _, joined = word.partition("=")
            switch = isinstance(self._option_string_actions.get(flag), argparse.BooleanOptionalAction)
            if switch and (joined or following.lower() in _TRUTHS):
                name = flag.removeprefix("--no-").removeprefix("--")
                raise UsageError(f"{flag} takes no value.", fix=f"--{name} switches it on, --no-{name} off")
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            raise self._not_known(unknown[0])
        return known, unknown

    def _not_known(self, word: str) -> UsageError:
        if not word.startswith("-"):
            return UsageError(f"One argument is too many: {word}.", fix=f"`{self.prog} --help` shows how it is used")
        close = difflib.get_close_matches(word.split("=")[0], self._option_string_actions, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        return UsageError(f"There is no such argument: {word}.", fix=f"{hint}`{self.prog} --help` lists all")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Called by argparse for each value; a verb within a verb is told as one at the top is."""
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            close = difflib.get_close_matches(value, action.choices, n=1)
            hint = f"did you mean `{self.prog} {close[0]}`? " if close else ""
            fix = f"{hint}it is one of {', '.join(action.choices)}"
            raise UsageError(f"`{self.prog}` has no verb {value!r}.", fix=fix)
        super()._check_value(action, value)

    def error(self, message: str) -> NoReturn:
        """Called by argparse for everything else that is wrong."""
        verbs = next((one.choices for one in self._actions if isinstance(one, argparse._SubParsersAction)), None)
        if verbs is not None:  # there is nothing else to give it
            raise UsageError(f"`{self.prog}` needs a verb.", fix=f"it is one of {', '.join(verbs)}")
        raise UsageError(f"{message[:1].upper()}{message[1:]}.", fix=f"`{self.prog} --help` shows how it is used")
