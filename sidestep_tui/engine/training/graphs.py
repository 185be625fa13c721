"""Passes recorded once for every bucket of lengths and replayed (CUDA graphs): one launch in place of thousands.

Below some minutes of music a card computes a step sooner than its host can ask for it, operation by operation. A
recording asks for nothing: it repeats its kernels in the same places of memory. So samples are copied into places of
their own, padded to the lengths of their bucket, whose true lengths the kernels read there; gradients are added up in
places that stay; and whatever a pass takes besides comes from one pool that all recordings share.

A wrong recording would train on without a word. The first one must give the gradients of the pass that it repeats.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, Protocol

import torch
from torch import Tensor, nn

from sidestep_tui.engine.data.batches import Batch
from sidestep_tui.engine.training.buckets import Bucket, Places, bucket_of, fill, places_for
from sidestep_tui.engine.training.step import Passes
from sidestep_tui.errors import first_line
from sidestep_tui.told import told

Work = Callable[[], None]

_MOST: Final = 32
_TOLERANCE: Final = 0.02  # of the largest norm; the backward pass of attention adds in any order


class Recorder(Protocol):
    """What a device records with; letting go of it and of its recordings frees their memory."""

    def record(self, work: Work) -> Work:
        """Takes work, which it has not done yet when it returns what does it."""

    def rehearse(self, work: Work) -> None:
        """Does work now, in the memory where recordings have theirs: nothing of it may be alive afterwards."""


class _NotRecordedError(Exception):
    """A pass was not recorded, or not rightly; its gradients are as they were before it."""


class RecordedPasses:
    """Passes that are recorded when their bucket is first met, and replayed from then on.

    Whatever prevents it is told once, and the passes go on operation by operation.
    """

    def __init__(
        self,
        plain: Passes,
        parameters: Sequence[nn.Parameter],
        device: torch.device,
        recorder: Recorder,
        warn: Callable[[str], None],
        *,
        compiled: bool = False,
    ) -> None:
        """As it stands before the first step.

        Args:
            plain: the passes to record.
            parameters: whose gradients they add.
            device: the model's.
            recorder: of the device.
            warn: told why nothing is recorded.
            compiled: the blocks may compile for a bucket that they have not met, which they cannot while they are
                recorded: it is rehearsed, and recorded when it comes again.
        """
        self._plain = plain
        self._parameters = parameters
        self._device = device
        self._recorder: Recorder | None = recorder
        self._warn = warn
        self._compiled = compiled
        self._gradients = [torch.zeros_like(parameter) for parameter in parameters]
        self._recordings: OrderedDict[Bucket, tuple[Places, Work]] = OrderedDict()
        self._rehearsed: set[Bucket] = set()
        self._trusted = False

    def __call__(self, batch: Batch, samples: float | Tensor) -> Tensor:
        """Adds the gradients of a micro-batch and gives its losses: `step.Passes`.

        Raises:
            torch.OutOfMemoryError: the memory did not suffice for a new bucket, or any without recordings.
            RuntimeError: a pass failed by itself and not because it was recorded; its gradients are half done.
        """
        if self._recorder is not None:
            try:
                return self._replayed(self._recorder, batch.to(self._device), samples)
            except torch.OutOfMemoryError:
                self.give_up(told("the memory does not suffice for them"))
                raise
            except _NotRecordedError as error:
                self.give_up(str(error))
        return self._plain(batch, samples)

    def give_up(self, reason: str) -> None:
        """Frees the recordings' memory; passes are plain from now on."""
        self._recorder = None
        self._recordings.clear()
        self._gradients.clear()
        self._warn(reason)

    def _replayed(self, recorder: Recorder, batch: Batch, samples: float | Tensor) -> Tensor:
        bucket = bucket_of(batch)
        self._hand_out_gradients()
        if bucket not in self._recordings:
            places = places_for(bucket, batch)
            run = partial(self._pass, places)
            if self._compiled and self._trusted and bucket not in self._rehearsed:
                self._rehearsed.add(bucket)
                fill(places, batch, samples)
                recorder.rehearse(run)
                return places.losses
            replay = _recorded(recorder, run) if self._trusted else self._checked(recorder, run, places, batch, samples)
            self._recordings[bucket] = places, replay
            if len(self._recordings) > _MOST:
                self._recordings.popitem(last=False)
        self._recordings.move_to_end(bucket)
        places, replay = self._recordings[bucket]
        fill(places, batch, samples)
        _replay(replay)
        return places.losses.clone()

    def _hand_out_gradients(self) -> None:
        """Lets the parameters' gradients be those that recordings add to, where they are not yet."""
        empty = []
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            if parameter.grad is None:
                empty.append(gradient)
            elif parameter.grad is not gradient:
                gradient.copy_(parameter.grad)
            parameter.grad = gradient
        if empty:
            torch._foreach_zero_(empty)

    def _checked(self, recorder: Recorder, run: Work, places: Places, batch: Batch, samples: float | Tensor) -> Work:
        """The first recording, if it gives the gradients of the plain pass.

        Raises:
            _NotRecordedError: it gives others, or could not be made.
        """
        seed = torch.initial_seed()
        fill(places, batch, samples)
        wanted = self._norms_after(run, seed)
        fill(places, replace(batch, x0=batch.noise, noise=batch.x0), 1.0)  # what a replay must not give
        replay = _recorded(recorder, run)
        fill(places, batch, samples)
        found = self._norms_after(partial(_replay, replay), seed)
        torch.manual_seed(seed)
        deviation = _deviation(found, wanted)
        if not deviation <= _TOLERANCE:  # a NaN neither
            raise _NotRecordedError(f"what was recorded is off by {deviation:.3f} of the largest gradient")
        self._trusted = True
        return replay

    def _pass(self, places: Places) -> None:
        places.losses.copy_(self._plain(places.batch, places.samples))

    def _norms_after(self, run: Work, seed: int) -> Tensor:
        """The norm of every parameter's gradient after a pass; the gradients are zeros before and after it."""
        torch.manual_seed(seed)
        run()
        norms = torch.stack(torch._foreach_norm(self._gradients)).float()
        torch._foreach_zero_(self._gradients)
        return norms


def _deviation(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).abs().max() / wanted.abs().max())


def _recorded(recorder: Recorder, run: Work) -> Work:
    try:
        return recorder.record(run)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        # Ending a recording that has failed fails again, and no longer says what it was.
        raise _not_recorded(error.__context__ or error) from error


def _replay(replay: Work) -> None:
    try:
        replay()
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # the card's own; it was not launched
        raise _not_recorded(error) from error


def _not_recorded(cause: BaseException) -> _NotRecordedError:
    return _NotRecordedError(f"{type(cause).__name__}: {first_line(cause)}")
