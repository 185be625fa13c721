"""Our own commands, run in processes of their own: only the model's side can read models, and it stays out of here."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _

_COMMAND: Final = (sys.executable, "-m", "sidestep_tui.cli.main")


def command_json(*words: str, where: Path | str, fix: str, seconds: float = 60) -> Any:
    """The document that `sidestep WORDS --json` prints, whether it ends well or not.

    Args:
        words: the command.
        where: what it is about, for the error.
        fix: what to do where the command itself does not say.
        seconds: how long it may take.

    Raises:
        SidestepError: it gave none; with the command's own words.
    """
    try:
        done = subprocess.run(
            [*_COMMAND, *words, "--json"],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SidestepError(
            _("`{command}` did not answer: {error}.").format(command=" ".join(("sidestep", *words[:2])), error=error),
            where=where,
        ) from error
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise said(done.stderr, where, fix) from error


class RunningCommand:
    """A command that prints a JSON document a line while it runs, and can be ended at any time."""

    def __init__(self, *words: str, where: Path | str, fix: str) -> None:
        self._where, self._fix = where, fix
        self._ended = False
        self._words = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed when the process ends
        self._process = subprocess.Popen(
            [*_COMMAND, *words, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._words,
            text=True,
        )

    def documents(self) -> Iterator[Any]:
        """What it prints, as it comes; nothing more after `end`.

        Raises:
            SidestepError: it failed; with its own words.
        """
        with self._words as words, self._process as process:
            yield from map(json.loads, process.stdout or ())
            if process.wait() != 0 and not self._ended:
                words.seek(0)
                raise said(words.read(), self._where, self._fix)

    def end(self) -> None:
        """Ends it; what it has written stays."""
        self._ended = True
        self._process.terminate()


def said(stderr: str, where: Path | str, fix: str) -> SidestepError:
    """The error of a command that was run with `--json`; its last line where it broke down altogether."""
    last = (stderr.strip().splitlines() or [_("The command gave no answer.")])[-1]
    try:
        document = json.loads(last)
        return SidestepError(str(document["error"]), where=document.get("where") or where, fix=document["fix"] or fix)
    except (ValueError, KeyError, TypeError):
        return SidestepError(last, where=where, fix=fix)
