"""Growing columns that old states can keep: appending never changes what an earlier view shows."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Generic, TypeVar, overload

T_co = TypeVar("T_co", covariant=True)
_NAN: Final = float("nan")


class Series(Sequence[float]):
    """An immutable view of the first `length` numbers of a shared, append-only buffer (8 bytes a number).

    `extend` copies nothing for the newest view and all of an older one, so a pure fold over 100,000 events is linear.
    """

    __slots__ = ("_buffer", "_length")

    def __init__(self, values: Sequence[float] = ()) -> None:
        self._buffer = array("d", values)
        self._length = len(self._buffer)

    def extend(self, values: Sequence[float | None]) -> "Series":
        """A view with more numbers; None stands for NaN."""
        longer = Series.__new__(Series)
        longer._buffer = self._buffer if len(self._buffer) == self._length else self._buffer[: self._length]
        longer._buffer.extend(_NAN if value is None else value for value in values)
        longer._length = len(longer._buffer)
        return longer

    def truncate(self, length: int) -> "Series":
        """A view of the first `length` numbers."""
        return Series(self._buffer[: min(length, self._length)])

    def halved(self, *, last: bool = False) -> "Series":
        """Half as many numbers, rounded up: each pair as its mean, NaN left out, or as its `last` number."""
        values = self._buffer[: self._length]
        even, odd = values[::2], values[1::2]
        merged = odd if last else array("d", map(_mean_of_two, even, odd))
        return Series(merged + even[len(odd) :])

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
        if not isinstance(other, Series):
            return False
        return self._buffer[: self._length].tobytes() == other._buffer[: other._length].tobytes()  # NaN equals NaN

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Series({list(self)})"


class Entries(Sequence[T_co], Generic[T_co]):
    """The same for things of any kind: an immutable view of the first `length` entries of a shared list."""

    __slots__ = ("_items", "_length")

    def __init__(self, items: Iterable[T_co] = ()) -> None:
        self._items = list(items)
        self._length = len(self._items)

    def append(self, item: T_co) -> "Entries[T_co]":  # type: ignore[misc]  # it gives a new view, this one is unchanged
        """A view with one more entry. O(1) for the newest view, a copy for an older one."""
        longer: Entries[T_co] = Entries.__new__(Entries)
        longer._items = self._items if len(self._items) == self._length else self._items[: self._length]
        longer._items.append(item)
        longer._length = self._length + 1
        return longer

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T_co]: ...
    def __getitem__(self, index: int | slice) -> T_co | Sequence[T_co]:
        if isinstance(index, slice):
            return self._items[: self._length][index]
        if not -self._length <= index < self._length:
            raise IndexError(index)
        return self._items[index if index >= 0 else self._length + index]

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T_co]:
        return iter(self._items[: self._length])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entries) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Entries({list(self)})"


def _mean_of_two(first: float, second: float) -> float:
    if first != first:
        return second
    return first if second != second else (first + second) / 2
