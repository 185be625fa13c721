"""Where a command's words go: JSON for programs, rich text for people, errors on the standard error stream."""

import os
import sys
from collections.abc import Callable
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from sidestep_tui.dataset.text import printable
from sidestep_tui.errors import SidestepError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_WIDTH_OF_A_PIPE: Final = 200  # tables for `grep` keep their paths whole


class Output:
    """The standard output of one command: JSON and nothing else, or text."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    @cached_property
    def console(self) -> "Console":
        """For people. Names from files are never read as markup."""
        return _console(sys.stdout)

    @property
    def is_live(self) -> bool:
        """Whether a redrawn display makes sense: a person at a terminal that can move its cursor."""
        return not self.as_json and self.console.is_terminal and not self.console.is_dumb_terminal

    def show(self, document: Any, render: "Callable[[], RenderableType]") -> None:
        """The result of a command: the JSON document, or what `render` makes for people."""
        if self.as_json:
            self.json_line(document)
        else:
            self.console.print(render())

    def json_line(self, document: Any) -> None:
        """One JSON document in one line, at once. NaN becomes null, paths their text."""
        line = msgspec.json.encode(_encodable(document), enc_hook=str).decode("utf-8")
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def tell(self, document: Any, *lines: str) -> None:
        """What a command has done: the JSON document, or the lines for people."""
        if self.as_json:
            self.json_line(document)
        for line in lines:
            self.say(line)

    def say(self, text: str) -> None:
        """One line for people; nothing under `--json`. The line is never wrapped, so that paths can be copied."""
        if not self.as_json:
            self.console.print(printable(text), soft_wrap=True)

    def warn(self, text: str) -> None:
        """One line on the standard error stream, as text or as a JSON document, while the command goes on."""
        if self.as_json:
            sys.stderr.write(msgspec.json.encode({"warning": text}).decode("utf-8") + "\n")
        else:
            _console(sys.stderr).print(f"warning: {printable(text)}", soft_wrap=True)


def report_error(error: SidestepError, as_json: bool) -> None:
    """What is wrong, where and the fix, on the standard error stream."""
    if as_json:
        sys.stderr.write(msgspec.json.encode(_encodable(error.as_dict())).decode("utf-8") + "\n")
        return
    from rich.text import Text

    console = _console(sys.stderr)
    console.print(Text.assemble(("error: ", "bold red"), printable(error.what)), soft_wrap=True)
    for label, text in (("where", error.where), ("fix", error.fix)):
        if text:
            console.print(Text(f"  {label + ':':<7}{printable(text)}"), soft_wrap=True)


def _console(stream: IO[str]) -> "Console":
    from rich.console import Console

    if not os.environ.get("COLUMNS", "1").strip("0 "):  # said by what has no size; rich would print nothing
        del os.environ["COLUMNS"]
    width = None if stream.isatty() or "COLUMNS" in os.environ else _WIDTH_OF_A_PIPE
    return Console(file=stream, markup=False, emoji=False, highlight=False, width=width)


def _encodable(document: Any) -> Any:
    """File names that are no Unicode have no JSON form: their stray bytes are shown as escapes."""
    if isinstance(document, str):
        return document.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(document, dict):
        return {_encodable(key): _encodable(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [_encodable(value) for value in document]
    return document
