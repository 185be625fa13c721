"""Our own commands, run in processes of their own: only the model's side can read models, and it stays out of here."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.detached import environment
from sidestep_tui.texts import _

_LOOKS_EVERY: Final = 0.2
"""Seconds between two looks whether the answer is still wanted."""


def command_json(
    *words: str, where: Path | str, fix: str, seconds: float = 60, is_wanted: Callable[[], bool] = lambda: True
) -> Any:
    """The document that `sidestep WORDS --json` prints, whether it ends well or not.

    Args:
        words: the command.
        where: what it is about, for the error.
        fix: what to do where the command itself does not say.
        seconds: how long it may take.
        is_wanted: asked now and then; the process is ended where nobody waits for it any more.

    Returns:
        None where it is not wanted any more.

    Raises:
        SidestepError: it gave none; with the command's own words.
    """
    try:
        told = _told(_command(words), seconds, is_wanted)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SidestepError(
            _("`{command}` did not answer: {error}.").format(command=" ".join(("sidestep", *words[:2])), error=error),
            where=where,
        ) from error
    if told is None:
        return None
    try:
        return json.loads(told[0])
    except ValueError as error:
        raise _error(told[1], where, fix) from error


def _command(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "sidestep_tui.cli.main", *words, "--json"]


def _told(command: list[str], seconds: float, is_wanted: Callable[[], bool]) -> tuple[str, str] | None:
    """What a command has printed, and complained of; None where nobody waited for its end."""
    pipe, none = subprocess.PIPE, subprocess.DEVNULL
    deadline = time.monotonic() + seconds
    with subprocess.Popen(command, stdin=none, stdout=pipe, stderr=pipe, text=True, env=environment()) as process:
        while True:
            try:
                return process.communicate(timeout=_LOOKS_EVERY)
            except subprocess.TimeoutExpired:
                if not is_wanted():
                    process.kill()
                    return None
                if time.monotonic() > deadline:
                    process.kill()
                    raise subprocess.TimeoutExpired(command, seconds) from None


class RunningCommand:
    """A command that prints a JSON document a line while it runs, and can be ended at any time."""

    def __init__(self, *words: str, where: Path | str, fix: str) -> None:
        self._where, self._fix = where, fix
        self._ended = False
        self._words = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed when the process ends
        self._process = subprocess.Popen(
            _command(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._words,
            text=True,
            env=environment(),
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
                raise _error(words.read(), self._where, self._fix)

    def end(self) -> None:
        """Ends it; what it has written stays."""
        self._ended = True
        self._process.terminate()


def _error(stderr: str, where: Path | str, fix: str) -> SidestepError:
    """The error of a command that was run with `--json`; its last line where it broke down altogether."""
    last = (stderr.strip().splitlines() or [_("The command gave no answer.")])[-1]
    try:
        document = json.loads(last)
        return SidestepError(str(document["error"]), where=document.get("where") or where, fix=document["fix"] or fix)
    except (ValueError, KeyError, TypeError):
        return SidestepError(last, where=where, fix=fix)
