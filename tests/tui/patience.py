"""Pilots that wait until all is handled.

Textual's take a process for idle that has worked little for a fiftieth of a second. Where the machine is loaded that is
too early. Threads need that time besides: without it these tests take a fifth less, and now and then one fails.
"""

import asyncio
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

_QUIET_TURNS = 8


def wait_for_what_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets every pilot wait for messages besides the clock."""
    press, pause = Pilot.press, Pilot.pause

    async def patient_press(pilot: Pilot[None], *keys: str) -> None:
        await press(pilot, *keys)
        await _all_handled(pilot.app)

    async def patient_pause(pilot: Pilot[None], delay: float | None = None) -> None:
        await pause(pilot, delay)
        await _all_handled(pilot.app)

    monkeypatch.setattr(Pilot, "press", patient_press)
    monkeypatch.setattr(Pilot, "pause", patient_pause)


async def _all_handled(app: App[None]) -> None:
    """Waits until no screen or widget has a message left, for some turns of the loop: one may bring about others.

    A screen lays itself out by a timer of its own, up to a sixtieth of a second later: widgets learn their size then.
    Whether it is about to, Textual tells nobody.
    """
    quiet = 0
    async with asyncio.timeout(60):
        while quiet < _QUIET_TURNS and app.return_code is None:  # what leaves does not answer any more
            await asyncio.sleep(0)
            nodes = [app, *(node for screen in app.screen_stack for node in screen.walk_children(with_self=True))]
            waits = any(node.message_queue_size for node in nodes) or bool(app.screen._callbacks)
            quiet = 0 if waits or _is_to_be_laid_out(app.screen) else quiet + 1


def _is_to_be_laid_out(screen: Screen[Any]) -> bool:
    waits = screen._layout_required or screen._scroll_required or screen._recompose_required
    return waits and screen.is_current and not screen.app._batch_count
