"""What the application settles with its process: when garbage is collected, and how it ends from outside."""

import asyncio
import gc
import signal
from functools import partial
from typing import Any

from textual.app import App


def collect_garbage_from_now_on() -> None:
    """The code and the screen that stand now stay: the collector need not go through them again and again."""
    gc.freeze()
    gc.enable()


def leave_when_terminated(app: App[Any]) -> None:
    """Lets SIGTERM end the application as a key does: its terminal can be typed in afterwards.

    SIGHUP says that the terminal is gone; there is nothing to give back.
    """
    leave = partial(app.exit, return_code=128 + signal.SIGTERM)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave)
