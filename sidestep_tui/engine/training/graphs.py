"""Passes recorded once for every bucket of lengths and replayed (CUDA graphs): one launch in place of thousands.

Below some minutes of music a card computes a step sooner than its host can ask for it, operation by operation. A
recording asks for nothing: it repeats its kernels in the same places of memory. So samples are copied into places of
their own, padded to the lengths of their bucket, whose true lengths the kernels read there; gradients are added up in
places that stay; and whatever a pass takes besides comes from one pool that all recordings share.

A wrong recording would train on without a word. The first one must give the gradients of the pass that it repeats.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import torch
from torch import Tensor, nn

from sidestep_tui.engine.data.batches import Batch
from sidestep_tui.engine.training.step import Passes
from sidestep_tui.errors import first_line
from sidestep_tui.told import told

Record = Callable[[Callable[[], None]], Callable[[], None]]
"""Takes work, which it has not done yet when it returns what does it."""

_MOST: Final = 32
_TOLERANCE: Final = 0.02  # of the largest norm; the backward pass of attention adds in any order
_FINEST: Final = 64
_PARTS: Final = 16
_PARTS_OF_CONDITIONS: Final = 4  # far fewer operations hang on their length


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a bucket's passes find their batch and the number of the step's samples, and leave their losses [B]."""

    batch: Batch
    samples: Tensor
    losses: Tensor


class RecordedPasses:
    """Passes that are recorded when their bucket is first met, and replayed from then on.

    Whatever prevents it is told once, and the passes go on operation by operation.
    """

    def __init__(
        self,
        plain: Passes,
        parameters: Sequence[nn.Parameter],
        device: torch.device,
        record: Record,
        warn: Callable[[str], None],
        *,
        compiled: bool = False,
    ) -> None:
        """As it stands before the first step.

        Args:
            plain: the passes to record.
            parameters: whose gradients they add.
            device: the model's.
            record: of the device.
            warn: told why nothing is recorded.
            compiled: the blocks may compile for a bucket that they have not met, which they cannot while they are
                recorded: it is recorded when it comes again.
        """
        self._plain = plain
        self._parameters = parameters
        self._device = device
        self._record = record
        self._warn = warn
        self._compiled = compiled
        self._gradients = [torch.zeros_like(parameter) for parameter in parameters]
        self._recordings: OrderedDict[tuple[int, ...], tuple[_Places, Callable[[], None]]] = OrderedDict()
        self._compiled_for: set[tuple[int, ...]] = set()
        self._trusted = False
        self._given_up = False

    def __call__(self, batch: Batch, samples: float | Tensor) -> Tensor:
        """Adds the gradients of a micro-batch and gives its losses: `step.Passes`.

        Raises:
            torch.OutOfMemoryError: the memory did not suffice for a new bucket, or any without recordings.
        """
        if not self._given_up:
            try:
                return self._replayed(batch.to(self._device), samples)
            except torch.OutOfMemoryError:
                self.give_up(told("the memory does not suffice for them"))
                raise
            except RuntimeError as error:  # the card's own errors too
                # Ending a recording that has failed fails again, and no longer says what it was.
                cause = error.__context__ or error
                self.give_up(f"{type(cause).__name__}: {first_line(cause)}")
        return self._plain(batch, samples)

    def give_up(self, reason: str) -> None:
        """Frees the recordings' memory; passes are plain from now on."""
        self._given_up = True
        self._recordings.clear()
        self._gradients.clear()
        self._warn(reason)

    def _replayed(self, batch: Batch, samples: float | Tensor) -> Tensor:
        frames, tokens = rounded(batch.x0.shape[1], _PARTS), rounded(batch.condition.shape[1], _PARTS_OF_CONDITIONS)
        bucket = len(batch.keys), frames, tokens
        self._hand_out_gradients()
        if bucket not in self._recordings:
            places = _places(bucket, batch)
            if self._compiled and self._trusted and bucket not in self._compiled_for:
                self._compiled_for.add(bucket)
                _fill(places, batch, samples)
                self._pass(places)
                return places.losses
            run = partial(self._pass, places)
            replay = self._record(run) if self._trusted else self._checked(run, places, batch, samples)
            self._recordings[bucket] = places, replay
            if len(self._recordings) > _MOST:
                self._recordings.popitem(last=False)
        self._recordings.move_to_end(bucket)
        places, replay = self._recordings[bucket]
        _fill(places, batch, samples)
        replay()
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

    def _checked(
        self, run: Callable[[], None], places: _Places, batch: Batch, samples: float | Tensor
    ) -> Callable[[], None]:
        """The first recording, if it gives the gradients of the plain pass.

        Raises:
            RuntimeError: it gives others.
        """
        seed = torch.initial_seed()
        _fill(places, batch, samples)
        wanted = self._norms_after(run, seed)
        _fill(places, replace(batch, x0=batch.noise, noise=batch.x0), 1.0)  # what a replay must not give
        replay = self._record(run)
        _fill(places, batch, samples)
        found = self._norms_after(replay, seed)
        torch.manual_seed(seed)
        deviation = _deviation(found, wanted)
        if not deviation <= _TOLERANCE:  # a NaN neither
            raise RuntimeError(f"what was recorded is off by {deviation:.3f} of the largest gradient")
        self._trusted = True
        return replay

    def _pass(self, places: _Places) -> None:
        places.losses.copy_(self._plain(places.batch, places.samples))

    def _norms_after(self, run: Callable[[], None], seed: int) -> Tensor:
        """The norm of every parameter's gradient after a pass; the gradients are zeros before and after it."""
        torch.manual_seed(seed)
        run()
        norms = torch.stack(torch._foreach_norm(self._gradients)).float()
        torch._foreach_zero_(self._gradients)
        return norms


def rounded(length: int, parts: int) -> int:
    """A length rounded up to that of its bucket, of which there are so many or half as many between n and 2n."""
    step = max(_FINEST, (1 << (length - 1).bit_length()) // parts)
    return -(-length // step) * step


def _deviation(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).abs().max() / wanted.abs().max())


def cuda_record(device: torch.device) -> Record:
    """Recordings on a card, all from one pool: at the end of each nothing is alive in it."""
    pool, stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def record(work: Callable[[], None]) -> Callable[[], None]:
        graph = torch.cuda.CUDAGraph()
        # Torch leaves its stream the current one where a recording fails. The songs come in another, unawaited.
        back = torch.cuda.stream(torch.cuda.current_stream(device))
        # Other threads may bring songs to the card meanwhile.
        with back, torch.cuda.graph(graph, pool, stream, capture_error_mode="thread_local"):
            work()
        replay: Callable[[], None] = graph.replay
        return replay

    return record


def _places(bucket: tuple[int, int, int], like: Batch) -> _Places:
    """Zeros of a bucket's size, where batches like this one will be."""
    count, frames, tokens = bucket

    def zeros(tensor: Tensor, length: int) -> Tensor:
        return tensor.new_zeros(count, length, tensor.shape[2])

    ones = torch.ones(count, dtype=torch.long, device=like.x0.device)
    batch = Batch(
        keys=like.keys,
        x0=zeros(like.x0, frames),
        noise=zeros(like.noise, frames),
        t=torch.zeros_like(like.t),
        condition=zeros(like.condition, tokens),
        context=zeros(like.context, frames),
        lengths=ones,
        condition_lengths=ones.clone(),
        importance=torch.ones_like(like.t),
        bands=like.bands,
    )
    return _Places(batch, like.t.new_ones(()), torch.zeros_like(like.t, dtype=torch.float32))


def _fill(places: _Places, batch: Batch, samples: float | Tensor) -> None:
    """Brings a batch to where passes find it, zeros behind what is shorter."""
    to = places.batch
    pairs = ((to.x0, batch.x0), (to.noise, batch.noise), (to.context, batch.context), (to.condition, batch.condition))
    for place, values in pairs:
        place[:, : values.shape[1]].copy_(values)
        place[:, values.shape[1] :].zero_()
    to.t.copy_(batch.t)
    to.importance.copy_(batch.importance)
    for length, lengths, most in (
        (to.lengths, batch.lengths, batch.x0.shape[1]),
        (to.condition_lengths, batch.condition_lengths, batch.condition.shape[1]),
    ):
        assert length is not None
        length.fill_(most) if lengths is None else length.copy_(lengths)
    places.samples.fill_(samples)
