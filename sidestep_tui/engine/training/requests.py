"""What viewers and signals ask of a training run: done between two of its steps, and written into its events.

A value that was set changes the mathematics of every later step. A resumed run does again the steps after its
checkpoint, so it sets again what was set there, after the same steps: killed or not, the run is the same.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

from sidestep_tui.engine.context import JobContext, StopRequestedError
from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.engine.training.earlier import values_set
from sidestep_tui.errors import UsageError

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
        self._recorded = ranks.agree(values_set(context.run, resumed_at))
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
