"""How a command asks a person for one line: with completion where the terminal can, as plain lines where it cannot."""

import os
import sys
from collections.abc import Sequence
from typing import Protocol


class Asker(Protocol):
    """Asks one question at a time.

    Raises:
        EOFError: there will be no more answers.
        KeyboardInterrupt: the person wants to leave.
    """

    def ask(self, question: str, *, choices: Sequence[str] = (), path: bool = False) -> str:
        """The answer, without blanks around it. `choices` and `path` are what may be completed."""
        ...


class LineAsker:
    """A question is a line of output and its answer a line of input: screen readers, dumb terminals and pipes."""

    def ask(self, question: str, *, choices: Sequence[str] = (), path: bool = False) -> str:  # noqa: ARG002
        """Reads a line."""
        sys.stdout.write(f"{question} ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            sys.stdout.write("\n")
            raise EOFError
        return line.strip()


class CompletingAsker:
    """questionary's line editor: history, completion of choices and paths, no lists that are drawn over again."""

    def ask(self, question: str, *, choices: Sequence[str] = (), path: bool = False) -> str:
        """Reads a line with an editor."""
        import questionary

        if path:
            asked = questionary.path(question, qmark="")
        elif choices:
            asked = questionary.autocomplete(question, choices=list(choices), qmark="")
        else:
            asked = questionary.text(question, qmark="")
        return str(asked.unsafe_ask()).strip()


def terminal_asker() -> Asker:
    """The one that fits the terminal."""
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return CompletingAsker() if at_terminal and os.environ.get("TERM", "dumb") != "dumb" else LineAsker()
