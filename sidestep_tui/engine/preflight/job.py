"""The preflight: a few steps of a training run, taken by the training loop itself, before anybody commits to it.

First the longest songs and conditions, for the peak of memory; then the run's own first steps, for its time. What is
trained is thrown away. Several processes take these steps together, as the run would, and the memory that is told is
that of the one with least to spare.
"""

import gc
import math
import statistics
from dataclasses import asdict, replace
from itertools import islice
from typing import Final

from sidestep_tui.config.memory.estimate import MARGIN
from sidestep_tui.config.preflight import PreflightSettings
from sidestep_tui.config.train import Checkpointing, TrainSettings
from sidestep_tui.engine.context import JobContext, Results
from sidestep_tui.engine.devices import choose_device
from sidestep_tui.engine.memory.full import MemoryFullError
from sidestep_tui.engine.memory.peak import PeakMemory
from sidestep_tui.engine.memory.policy import card_name, other_ways, policies_for, with_policy
from sidestep_tui.engine.preflight.disk import disk_needed
from sidestep_tui.engine.preflight.longest import always_told, longest_steps
from sidestep_tui.engine.training.job import Trainer
from sidestep_tui.engine.training.plan import StepPlan
from sidestep_tui.engine.training.setup import prepare
from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.files import write_json_atomic
from sidestep_tui.runs.events import StepCompleted
from sidestep_tui.runs.machine import disk_free
from sidestep_tui.runs.measured import TABLE, Measured, remember

_WARM_UP: Final = 1
_WORTH_IT: Final = 0.97
"""Of a step's time: less is saved by chance too."""


def run(context: JobContext, settings: PreflightSettings) -> Results:
    """Measures the settings, or one checkpointing policy after the other until one fits, and its faster ways.

    Raises:
        StopRequestedError: asked to end; nothing is left behind.
        SidestepError: training could not begin, or its memory does not suffice, with what would save most.
    """
    training = settings.training_run()
    policies = _policies(settings, training)
    rehearsals: list[Rehearsal] = []
    for policy in policies:
        context.progress(len(rehearsals), len(policies), "policies", policy)
        rehearsals.append(_rehearsed(context, with_policy(training, policy), settings.preflight.steps))
        if rehearsals[-1].measured.fits:
            break
    context.progress(len(rehearsals), len(rehearsals), "policies")  # what comes after the first that fits is left out
    taken = rehearsals[-1]
    if settings.preflight.policies == "fastest" and taken.measured.fits:
        ways = other_ways(taken.settings, choose_device(training))
        for done, way in enumerate(ways):
            context.progress(done, len(ways), "ways", _way(way) or "plain")
            rehearsals.append(_rehearsed(context, way, settings.preflight.steps))
        context.progress(len(ways), len(ways), "ways")
        taken = _fastest(taken, rehearsals)
    return _told(context, rehearsals, taken)


def _policies(settings: PreflightSettings, training: TrainSettings) -> tuple[Checkpointing, ...]:
    """The policies to try, the fastest first.

    Raises:
        UsageError: there are several, and several processes.
    """
    if settings.preflight.policies == "chosen" and training.memory.checkpointing != "auto":
        return (training.memory.checkpointing,)
    if training.training.processes > 1:
        raise UsageError(
            "Several processes measure one policy at a time.",
            where="preflight.policies",
            fix="choose memory.checkpointing, and leave preflight.policies at chosen",
        )
    return policies_for(training)


def _way(settings: TrainSettings) -> str:
    """The names of the settings, of `memory.compile` and `memory.graphs`, that are on."""
    memory = settings.memory
    return ", ".join(name for name, on in (("memory.compile", memory.compile), ("memory.graphs", memory.graphs)) if on)


def _rehearsed(context: JobContext, settings: TrainSettings, steps: int) -> "Rehearsal":
    rehearsal = Rehearsal(context, settings)
    rehearsal.measure(steps)
    return rehearsal


def _fastest(usual: "Rehearsal", others: list["Rehearsal"]) -> "Rehearsal":
    """The one whose steps take least, or the usual one where the others save next to nothing."""

    def seconds(rehearsal: Rehearsal) -> float:
        fits, taken = rehearsal.measured.fits, rehearsal.measured.seconds
        return math.inf if taken is None or not fits else taken

    best = min(others, key=seconds)
    return best if seconds(best) < _WORTH_IT * seconds(usual) else usual


class Rehearsal:
    """One set of settings, measured. It holds on to figures alone, so that the next has the whole device."""

    def __init__(self, context: JobContext, settings: TrainSettings) -> None:
        self._context = context
        self.settings = settings
        self._device = choose_device(settings)
        self.failure: MemoryFullError | None = None
        self.measured = self._too_large(0)
        self.total_steps = 0
        self.disk_bytes = 0

    def measure(self, steps: int) -> None:
        """Takes the steps, frees what they took, and remembers the figures.

        Raises:
            StopRequestedError: asked to end.
            SidestepError: training could not begin.
        """
        gc.collect()
        watch = PeakMemory(self._device)
        try:
            self.measured = self._rehearse(watch, steps)
        except MemoryFullError as error:
            # Its words alone: the frames of the error and of its causes would keep the model.
            self.failure = MemoryFullError(error.what, where=error.where, fix=error.fix)
            self.measured = self._too_large(watch.free, error.what)
        if self._context.events is not None:
            remember(self.settings, card_name(self._device), self.measured)

    def _rehearse(self, watch: PeakMemory, steps: int) -> Measured:
        """Takes steps of the longest songs, and the run's own first ones, both after a warm-up."""
        context, settings = self._context, self.settings
        setup = prepare(context, settings)
        setup = replace(setup, songs=always_told(setup.songs))
        ranks = setup.place.ranks
        plan = StepPlan(setup.songs.mixture, settings.training, ranks.world)
        trainer = Trainer(context, settings, setup)
        policy = ", ".join(filter(None, (f"memory.checkpointing {settings.memory.checkpointing}", _way(settings))))
        context.phase("measuring the longest songs", subject=policy)
        longest = longest_steps(setup.songs, ranks.world, settings.training.batch_size)
        for _ in range(1 + self._slower_rounds):
            trainer.rehearse(longest)
        timed = trainer.rehearse(longest)
        context.phase("measuring the run's own steps", subject=policy)
        own = tuple(islice(plan.steps_after(0), _WARM_UP + steps))
        for _ in range(self._slower_rounds):
            trainer.rehearse(own)
        usual = trainer.rehearse(own)
        self.total_steps, self.disk_bytes = plan.total_steps, disk_needed(settings, setup, plan)
        if not timed or not usual:
            raise SidestepError(
                "No step gave a finite loss.", where=settings.data.tensors, fix="preprocess the songs again"
            )
        memory = ranks.gather([[(watch.peak, watch.free)]])
        return self._figures(memory, timed, usual[_WARM_UP:] or usual)  # a run of a single step is all warm-up

    @property
    def _slower_rounds(self) -> int:
        """How often steps are taken before they are as fast as they will be: lengths compile, and are recorded."""
        return self.settings.memory.compile + self.settings.memory.graphs

    def _too_large(self, free: int, problem: str = "") -> Measured:
        memory = self.settings.memory
        return Measured(
            memory.checkpointing, False, free, problem=problem, compile=memory.compile, graphs=memory.graphs
        )

    def _figures(
        self, memory: list[tuple[int, int]], longest: list[StepCompleted], usual: list[StepCompleted]
    ) -> Measured:
        """The figures of the steps; `memory` is each rank's peak and what it was free to take, in bytes."""
        seconds = [event.seconds for event in usual]
        peak, free = max(memory, key=lambda rank: rank[0] / rank[1])
        fits = peak <= free * (1 - MARGIN)
        return Measured(
            checkpointing=self.settings.memory.checkpointing,
            fits=fits,
            free_bytes=free,
            peak_bytes=peak,
            seconds=statistics.median(seconds),
            fastest=min(seconds),
            slowest=max(seconds),
            longest_seconds=max(event.seconds for event in longest),
            data_wait=sum(event.data_seconds for event in usual) / sum(seconds),
            problem="" if fits else f"Less than {MARGIN:.0%} of the memory stays free.",
            compile=self.settings.memory.compile,
            graphs=self.settings.memory.graphs,
        )


def _told(context: JobContext, rehearsals: list[Rehearsal], taken: Rehearsal) -> Results:
    """Writes the table of all that was measured, and gives the figures of the one to take.

    Raises:
        MemoryFullError: it does not fit.
    """
    if taken.failure is not None:
        raise taken.failure
    measured, disk = taken.measured, disk_free(context.run.path)
    if context.events is not None:
        write_json_atomic(context.run.path / TABLE, [asdict(rehearsal.measured) for rehearsal in rehearsals])
    return {
        "fits": "yes" if measured.fits else "barely",
        "checkpointing": measured.checkpointing,
        "faster_with": _way(taken.settings) or None,
        "peak_bytes": measured.peak_bytes,
        "free_bytes": measured.free_bytes,
        "seconds_per_step": measured.seconds,
        "fastest": measured.fastest,
        "slowest": measured.slowest,
        "longest_seconds": measured.longest_seconds,
        "data_wait": measured.data_wait,
        "steps": taken.total_steps,
        "seconds_in_all": taken.total_steps * (measured.seconds or 0.0),
        "disk_bytes": taken.disk_bytes,
        "disk_free_bytes": disk,
    }
