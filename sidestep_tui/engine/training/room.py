"""A full disk ends no training: what was learned waits in memory until there is room for it."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from sidestep_tui.engine.context import JobContext
from sidestep_tui.errors import NoRoomError
from sidestep_tui.runs.events import WAITING_FOR_ROOM
from sidestep_tui.told import told

T = TypeVar("T")

_POLL_SECONDS: Final = 2.0


def if_there_is_room(context: JobContext, write: Callable[[], T]) -> T | None:
    """What `write` gives; None, and a warning, where the disk has no room for what a later save holds as well."""
    try:
        return write()
    except NoRoomError as error:
        context.warn(
            error.what,
            error.where or "",
            told("free some space: what was saved before is unharmed, and the training goes on"),
        )
        return None


def when_there_is_room(context: JobContext, write: Callable[[], T]) -> T:
    """What `write` gives, tried until the disk has room for it: for what would be lost otherwise.

    A request to stop is heard and ends no waiting: whoever asks for it is promised that everything is saved.
    """
    try:
        return write()
    except NoRoomError as error:
        fix = told("free some space, and it is written; `kill -9 {pid}` would give it up", pid=os.getpid())
        context.warn(error.what, error.where or "", fix)
    with context.during(WAITING_FOR_ROOM):
        while True:
            time.sleep(_POLL_SECONDS)
            context.take_commands()
            with suppress(NoRoomError):
                return write()
