"""Work in independent pieces, done by several processes: each takes its share, and one tells how far all of them are.

What ranks say to each other while they work goes over torch's key-value store and waits for nobody; only where they
meet does one wait for another, and there it still shows progress and hears requests.
"""

import json
import time
from collections.abc import Sequence
from typing import Final, TypeVar

import torch

from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.ranks import Ranks, join_ranks

T = TypeVar("T")

_POLL_SECONDS: Final = 0.1


class Team:
    """The ranks of a job; a job of one process is a team of one, and sends nothing."""

    def __init__(self, context: JobContext, ranks: Ranks) -> None:
        self._context = context
        self._ranks = ranks
        self._store = ranks.store
        self._meetings = 0

    @property
    def speaks(self) -> bool:
        """Whether this is the process that writes the event log and what all have made."""
        return self._ranks.speaks

    def share(self, items: Sequence[T]) -> list[T]:
        """This rank's share of the speaking rank's list; others may pass anything. From here on all are counted."""
        self._context.team = self
        return list(self._ranks.share(self._ranks.agree(items)))

    def gather(self, value: T) -> list[T]:
        """Everybody's value, by rank. Warnings of silent ranks are told on the way."""
        values = self._ranks.gather([[value]])
        unsaid, self._context.unsaid = self._context.unsaid, []
        told = self._ranks.gather([unsaid])
        for event in told if self.speaks else ():
            self._context.emit(event)
        return values

    def tally(self, phase: str, done: int, total: int, failed: int) -> tuple[int, int, int]:
        """Publishes this rank's figures of a phase and gives the sums; who has not spoken has as much to do as this."""
        if self._store is None:
            return done, total, failed
        self._store.set(f"{phase}/{self._ranks.rank}", json.dumps([done, total, failed]))
        keys = [f"{phase}/{rank}" for rank in range(self._ranks.world)]
        told = [json.loads(self._store.get(key)) for key in keys if self._store.check([key])]
        silent = self._ranks.world - len(told)
        done, all_of_them, failed = (sum(column) for column in zip(*told, strict=True))
        return done, all_of_them + silent * total, failed

    def hear(self, reason: str | None) -> str | None:
        """Why the job is to stop, whichever rank was asked."""
        if self._store is None:
            return reason
        if reason is not None:
            self._store.set("stop", reason)
        return self._store.get("stop").decode() if self._store.check(["stop"]) else None

    def meet(self) -> None:
        """Waits until all ranks are here.

        Raises:
            StopRequestedError: someone asked for it meanwhile.
        """
        if self._store is None:
            return
        self._meetings += 1
        key = f"meeting {self._meetings}"
        self._store.add(key, 1)
        while self._store.add(key, 0) < self._ranks.world:
            self._context.stop_if_requested()
            self._context.repeat_progress()
            time.sleep(_POLL_SECONDS)
        self._context.repeat_progress()  # who came last spoke after our last look


def form_team(context: JobContext) -> Team:
    """Joins the processes that share a job's work."""
    return Team(context, join_ranks(torch.device("cpu")))
