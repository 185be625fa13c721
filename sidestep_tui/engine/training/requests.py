"""What viewers and signals ask of a training run: done between two of its steps, and written into its events.

A value that was set changes the mathematics of every later step. A resumed run does again the steps after its
checkpoint, so it sets again what was set there, after the same steps: killed or not, the run is the same.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from sidestep_tui.engine.context import JobContext, StopRequestedError
from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.errors import UsageError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import CommandApplied, RunStarted
from sidestep_tui.runs.log import EventReader

_PAUSE_POLL_SECONDS: Final = 0.2

Action = Callable[[Mapping[str, str]], None]
"""Does one request with its arguments; raises UsageError where they make no sense."""


class Requests:
    """Takes requests and does them; all ranks do the same ones.

    Args:
        actions: by the name of the request; `pause` and `resume` are done here; `stop` saves what is there.
        resumed_at: the optimizer step that the run continues after.
    """

    def __init__(self, context: JobContext, ranks: Ranks, actions: Mapping[str, Action], resumed_at: int) -> None:
        self._context = context
        self._ranks = ranks
        self._actions = actions
        self._recorded = ranks.agree(_recorded_sets(context.run, resumed_at))
        self._replay(resumed_at)

    def serve(self, step: int, ending: bool) -> bool:
        """Does what was asked for since the last call; a pause lasts until `resume` or `stop`.

        Args:
            step: optimizer steps done.
            ending: whether this rank wants the run to end here.

        Returns:
            Whether the speaking rank wants it to end.

        Raises:
            StopRequestedError: someone asked for the end; a checkpoint was written.
        """
        context, paused = self._context, False
        self._replay(step)
        while True:
            heard = context.take_commands(step), context.stop_reason, ending
            commands, context.stop_reason, ending = self._ranks.agree(heard)
            for command in commands:
                if command.name in ("pause", "resume"):
                    paused = command.name == "pause"
                    context.phase("paused" if paused else "training")
                if self._did(command.name, command.arguments):
                    context.applied(command, step)
            if context.stop_reason is not None:
                self._did("stop", {})
                raise StopRequestedError(context.stop_reason, step)
            if not paused:
                return ending
            time.sleep(_PAUSE_POLL_SECONDS)

    def _replay(self, step: int) -> None:
        for arguments in self._recorded.pop(step, ()):
            self._did("set", arguments)

    def _did(self, name: str, arguments: Mapping[str, str]) -> bool:
        try:
            if name in self._actions:
                self._actions[name](arguments)
        except UsageError as error:
            self._context.warn(error.what, error.where or "", error.fix or "")
            return False
        return True


def _recorded_sets(run: RunDirectory, since: int) -> dict[int, list[dict[str, str]]]:
    """What was set in earlier lives of the run after the steps that it will do again, by step.

    A life that began with another value of a setting was told so later: what was set of it before counts no more.
    """
    recorded: list[tuple[int, dict[str, str]]] = []
    settings: Mapping[str, Any] = {}
    for event in EventReader(run.events_file).stream():
        if isinstance(event, RunStarted):
            before, settings = settings, event.settings
            recorded = [(step, told) for step, told in recorded if not any(_differs(before, settings, p) for p in told)]
        elif isinstance(event, CommandApplied) and event.command == "set" and event.step >= since:
            recorded.append((event.step, event.arguments))
    by_step: dict[int, list[dict[str, str]]] = {}
    for step, told in recorded:
        by_step.setdefault(step, []).append(told)
    return by_step


def _differs(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> bool:
    return bool(before.get(path) != after.get(path))
