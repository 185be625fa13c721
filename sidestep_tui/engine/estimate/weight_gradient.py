"""The gradient of a linear layer's weight by its factors: its norm and its directions without the matrix itself.

dL/dW = G^T A [out, in], with the outputs' gradient G [N, out] and the inputs A [N, in] over N tokens. Its squared norm
is the sum over all pairs of tokens of (G G^T) * (A A^T), which costs N^2 (in + out) instead of N in out, and half of it
where the symmetry is used; layers with the same input share A A^T. Products with k directions cost N k (in + out).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from sidestep_tui.acestep.products import gives_float32

_BLOCKS: Final = 8
_SMALLEST_BLOCK: Final = 64


@dataclass(slots=True)
class Inputs:
    """The inputs A [N, in] of one or several linear layers, with what these can share."""

    matrix: Tensor
    _gram: list[Tensor] | None = None
    _sketch: Tensor | None = None

    @property
    def has_gram(self) -> bool:
        """Whether A A^T is at hand already."""
        return self._gram is not None

    def gram(self) -> list[Tensor]:
        """The lower block triangle of A A^T in float32, all below the diagonal blocks doubled."""
        if self._gram is None:
            self._gram = list(_lower_gram(self.matrix))
            for rows in self._gram:
                rows[:, : rows.shape[1] - rows.shape[0]] *= 2
        return self._gram

    def times_shared(self, right: Tensor) -> Tensor:
        """A right [N, k] for the one matrix [in, k] that all layers share, computed once."""
        if self._sketch is None:
            self._sketch = product(self.matrix, right)
        return self._sketch


@dataclass(frozen=True, slots=True)
class WeightGradient:
    """G^T A: the outputs' gradient [N, out] and the inputs [N, in]."""

    outputs: Tensor
    inputs: Inputs

    @property
    def shape(self) -> tuple[int, int]:
        """(out, in), as the weight has it."""
        return self.outputs.shape[1], self.inputs.matrix.shape[1]

    def square(self) -> Tensor:
        """The squared Frobenius norm, a float32 scalar (Metal has none wider); by the cheaper of the two ways."""
        tokens, (outputs, inputs) = len(self.outputs), self.shape
        pairs = tokens * (outputs + (0 if self.inputs.has_gram else inputs)) / 2
        if pairs > outputs * inputs:
            norm: Tensor = torch.linalg.vector_norm(product(self.outputs.T, self.inputs.matrix))
            return norm.square()
        rows = zip(_lower_gram(self.outputs), self.inputs.gram(), strict=True)
        return torch.stack([torch.dot(own.flatten(), theirs.flatten()) for own, theirs in rows]).sum()

    def times(self, right: Tensor) -> Tensor:
        """dL/dW right: [in, k] -> [out, k]."""
        return product(self.outputs.T, product(self.inputs.matrix, right))

    def transposed_times(self, left: Tensor) -> Tensor:
        """dL/dW^T left: [out, k] -> [in, k]."""
        return product(self.inputs.matrix.T, product(self.outputs, left))

    def between(self, left: Tensor, right: Tensor) -> Tensor:
        """left^T dL/dW right: [out, k], [in, k] -> [k, k], for a `right` that all layers share."""
        return product(self.outputs, left).T @ self.inputs.times_shared(right)


class SharedInputs:
    """Recognises inputs that several layers have in common within one backward pass.

    One is remembered for each shape: layers with one input follow each other, and the condition, which all layers
    share, has a length of its own.
    """

    def __init__(self) -> None:
        self._latest: dict[torch.Size, Inputs] = {}

    def of(self, matrix: Tensor) -> Inputs:
        """What is known of A [N, in]."""
        known = self._latest.get(matrix.shape)
        if known is None or not known.matrix.is_set_to(matrix):
            known = self._latest[matrix.shape] = Inputs(matrix)
        return known

    def clear(self) -> None:
        """Forgets all; to be called after each pass."""
        self._latest.clear()


def product(left: Tensor, right: Tensor) -> Tensor:
    """left @ right, summed and given in float32; on CUDA without float32 copies of what is in lower precision."""
    low = next((m.dtype for m in (left, right) if m.dtype != torch.float32), torch.float32)
    if low != torch.float32 and gives_float32(left.device):
        return torch.mm(left.to(low), right.to(low), out_dtype=torch.float32)
    return left.float() @ right.float()


def _lower_gram(matrix: Tensor) -> Iterator[Tensor]:
    """M M^T in blocks of rows, each as far as its diagonal block."""
    size = max(_SMALLEST_BLOCK, -(-len(matrix) // _BLOCKS))
    for begin in range(0, len(matrix), size):
        block = matrix[begin : begin + size]
        yield product(block, matrix[: begin + len(block)].T)
