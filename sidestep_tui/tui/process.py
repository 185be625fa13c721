"""What the application settles with its process: its terminal, and how it ends from outside."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from functools import partial
from typing import Any

from textual import constants
from textual.app import App

from sidestep_tui.errors import SidestepError


def check_terminal() -> None:
    """Looks whether there is anything to draw on. A browser has a driver of its own.

    Raises:
        SidestepError: there is no terminal, it has no places to draw at, or its locale has no lines and few letters.
    """
    if constants.DRIVER is not None:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SidestepError(
            "There is no terminal to draw on.", fix="use a command instead, such as `sidestep runs list`"
        )
    if os.environ.get("TERM") == "dumb":
        raise SidestepError(
            "TERM says that this terminal is dumb: it shows lines alone.",
            fix="`sidestep wizard --plain` asks line by line, and `sidestep --help` lists the commands;"
            " where it can draw, export TERM=xterm-256color",
        )
    encoding = sys.stderr.encoding  # the stream that Textual draws on
    if not encoding.lower().startswith("utf"):
        raise SidestepError(
            f"The locale says that this terminal is {encoding}; what is drawn needs UTF-8.",
            fix="export LC_ALL=C.UTF-8, where the terminal shows UTF-8, and start it again",
        )


def leave_when_terminated(app: App[Any]) -> None:
    """Lets SIGTERM end the application as a key does: its terminal can be typed in afterwards.

    SIGHUP says that the terminal is gone; there is nothing to give back.
    """
    leave = partial(app.exit, return_code=128 + signal.SIGTERM)
    with suppress(NotImplementedError):  # Windows has no such signals
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave)
