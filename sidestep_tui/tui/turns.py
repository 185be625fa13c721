"""Keys that come in one packet, as over a slow line, are dealt out one after the other.

Textual gives a key to what has the focus when the key is read. Of `/waltz` and Enter in one packet all but the first
would reach the list, and do what they do there, before the line that `/` opens has the focus.
"""

import asyncio
from collections import deque
from typing import Any, Final

from textual import events
from textual.app import App, ScreenStackError
from textual.screen import Screen

_QUIET_TURNS: Final = 4
"""Turns of the loop without a message, after which a key has done what it does: one message may bring about others."""

_LONGEST_WAIT_SECONDS: Final = 0.5
"""What is drawn again and again does not keep keys back for longer."""


class InTurnApp(App[None]):
    """An application whose keys wait until the one before has done what it does."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[events.Key | events.Paste] = deque()
        self._dealt: events.Key | events.Paste | None = None
        self._dealing: asyncio.Task[None] | None = None

    async def on_event(self, event: events.Event) -> None:
        """Keeps a key back while another one is at work; everything else goes on as it does."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            if self._front is None:
                return
            if self._dealing is None:
                self._dealing = asyncio.create_task(self._deal())
            elif event is not self._dealt:
                self._waiting.append(event)
                return
        await super().on_event(event)

    async def _deal(self) -> None:
        try:
            await self._quiet()
            while self._waiting:
                self._dealt = self._waiting.popleft()
                self.post_message(self._dealt)
                await self._quiet()
        finally:
            self._dealing = self._dealt = None

    async def _quiet(self) -> None:
        """Waits until nothing in front has a message left."""
        quiet, until = 0, asyncio.get_running_loop().time() + _LONGEST_WAIT_SECONDS
        while quiet < _QUIET_TURNS and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0)
            quiet = 0 if self._is_at_work() else quiet + 1

    @property
    def _front(self) -> Screen[Any] | None:
        """The screen in front; None while the application is being left."""
        try:
            return self.screen
        except ScreenStackError:
            return None

    def _is_at_work(self) -> bool:
        screen = self._front
        if screen is None:
            return False
        nodes = (self, *screen.walk_children(with_self=True))
        return bool(screen._callbacks) or any(node.message_queue_size for node in nodes)
