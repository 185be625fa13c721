"""Where recorded passes find their batches: few sizes for songs of any length, so that few recordings are made."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from sidestep_tui.engine.data.batches import Batch

Bucket = tuple[int, int, int]
"""Songs, frames and tokens of the condition."""

_FINEST: Final = 64
_PARTS: Final = 16
_PARTS_OF_CONDITIONS: Final = 4  # far fewer operations hang on their length


@dataclass(frozen=True, slots=True)
class Places:
    """Where a bucket's passes find their batch and the number of the step's samples, and leave their losses [B]."""

    batch: Batch
    samples: Tensor
    losses: Tensor


def bucket_of(batch: Batch) -> Bucket:
    """The sizes to which a batch is padded."""
    frames, tokens = batch.x0.shape[1], batch.condition.shape[1]
    return len(batch.keys), rounded(frames, _PARTS), rounded(tokens, _PARTS_OF_CONDITIONS)


def rounded(length: int, parts: int) -> int:
    """A length rounded up to that of its bucket, of which there are so many or half as many between n and 2n."""
    step = max(_FINEST, (1 << (length - 1).bit_length()) // parts)
    return -(-length // step) * step


def places_for(bucket: Bucket, like: Batch) -> Places:
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
    return Places(batch, like.t.new_ones(()), torch.zeros_like(like.t, dtype=torch.float32))


def fill(places: Places, batch: Batch, samples: float | Tensor) -> None:
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
