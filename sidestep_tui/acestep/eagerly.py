"""A stretch in which compiled blocks run as they were written: for a pass or two that no graph would pay for."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_EAGER: Final = ContextVar("blocks run eagerly", default=False)


@contextmanager
def eagerly() -> Iterator[None]:
    """Inside, compiled blocks make and use no graph."""
    before = _EAGER.set(True)
    try:
        yield
    finally:
        _EAGER.reset(before)


def is_eager() -> bool:
    """Whether this is such a stretch."""
    return _EAGER.get()
