"""A full disk ends no training: what was learned waits in memory until there is room for it."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from sidestep_tui.engine.context import JobContext
from sidestep_tui.errors import NoRoomError
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

    Raises:
        NoRoomError: there is none, and somebody asked meanwhile that the waiting ends.
    """
    try:
        return write()
    except NoRoomError as error:
        fix = told("free some space, and it is written; a request to stop now gives up what is not saved")
        context.warn(error.what, error.where or "", fix)
    asked, context.stop_reason = context.stop_reason, None  # what has asked for this writing does not end it
    with context.during("waiting for room on the disk"):
        while True:
            time.sleep(_POLL_SECONDS)
            try:
                written = write()
            except NoRoomError:
                context.take_commands()
                if context.stop_reason is not None:
                    raise
            else:
                context.stop_reason = asked
                return written
