"""A growing column of numbers that old states can keep: appending never changes what an earlier view shows."""

from array import array
from collections.abc import Iterator, Sequence
from typing import overload


class Series(Sequence[float]):
    """An immutable view of the first `length` numbers of a shared, append-only buffer (8 bytes a number).

    `append` costs O(1) for the newest view and copies for an older one, so a pure fold over 100,000 events is linear.
    """

    __slots__ = ("_buffer", "_length")

    def __init__(self, values: Sequence[float] = ()) -> None:
        self._buffer = array("d", values)
        self._length = len(self._buffer)

    def append(self, value: float | None) -> "Series":
        """A view with one more number; None stands for NaN."""
        longer = Series.__new__(Series)
        longer._buffer = self._buffer if len(self._buffer) == self._length else self._buffer[: self._length]
        longer._buffer.append(float("nan") if value is None else value)
        longer._length = self._length + 1
        return longer

    def truncate(self, length: int) -> "Series":
        """A view of the first `length` numbers."""
        return Series(self._buffer[: min(length, self._length)])

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> "Series": ...
    def __getitem__(self, index: int | slice) -> "float | Series":
        if isinstance(index, slice):
            return Series(self._buffer[: self._length][index])
        if not -self._length <= index < self._length:
            raise IndexError(index)
        return self._buffer[index if index >= 0 else self._length + index]

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[float]:
        return iter(self._buffer[: self._length])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Series) and self._buffer[: self._length] == other._buffer[: other._length]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Series({list(self)})"
