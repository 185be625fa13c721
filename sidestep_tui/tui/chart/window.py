"""Which part of the x axis is shown. Pure: every key gives a new window."""

from dataclasses import dataclass, replace

_SMALLEST = 4.0


@dataclass(frozen=True, slots=True)
class Window:
    """From `low` to `high` on the x axis; None means the whole of the data, and what is still to come.

    `cursor` is where values are read out; None hides it.
    """

    low: float | None = None
    high: float | None = None
    cursor: float | None = None

    def span(self, first: float, last: float) -> tuple[float, float]:
        """The shown part of data that goes from `first` to `last`."""
        if self.low is None or self.high is None:
            return first, max(last, first + 1)
        return self.low, self.high

    def zoom(self, factor: float, first: float, last: float) -> "Window":
        """Shows `factor` as much around the cursor, or around the newest end where there is none."""
        low, high = self.span(first, last)
        centre = self.cursor if self.cursor is not None else high
        width = max(_SMALLEST, (high - low) * factor)
        if width >= last - first:
            return replace(self, low=None, high=None)
        share = (centre - low) / (high - low)
        return self._placed(centre - share * width, width, first, last)

    def pan(self, share: float, first: float, last: float) -> "Window":
        """Moves by a share of what is shown; to the right is positive."""
        low, high = self.span(first, last)
        if self.low is None:
            return self
        return self._placed(low + share * (high - low), high - low, first, last)

    def move_cursor(self, share: float, first: float, last: float) -> "Window":
        """Moves the cursor by a share of what is shown, and the window with it where it would leave it."""
        low, high = self.span(first, last)
        start = self.cursor if self.cursor is not None else high
        cursor = min(max(start + share * (high - low), first), last)
        moved = replace(self, cursor=cursor)
        if cursor < low:
            return moved._placed(cursor, high - low, first, last)
        if cursor > high:
            return moved._placed(cursor - (high - low), high - low, first, last)
        return moved

    def _placed(self, low: float, width: float, first: float, last: float) -> "Window":
        low = min(max(low, first), max(first, last - width))
        return replace(self, low=low, high=low + width)
