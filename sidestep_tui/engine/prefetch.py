"""What the device needs next, made ahead by a thread: no worker processes, so nothing stalls at an epoch's end."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

AHEAD: Final = 2
"""Entries that are made ahead. When `plan` is asked for another, the caller has finished all but this many."""


def prefetch(make: Callable[[T], R], plan: Iterator[T]) -> Iterator[R]:
    """`make` of every entry of `plan`, in order; `plan` runs in the caller's thread."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as pool:
        waiting: list[Future[R]] = []
        try:
            for entry in plan:
                waiting.append(pool.submit(make, entry))
                if len(waiting) > AHEAD:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            for future in waiting:
                future.cancel()
