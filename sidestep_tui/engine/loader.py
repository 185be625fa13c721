"""Micro-batches made one ahead of the device by a thread: no worker processes, so nothing stalls at an epoch's end."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def prefetch(make: Callable[[T], R], plan: Iterator[T], ahead: int = 2) -> Iterator[R]:
    """`make` of every entry of `plan`, in order, `ahead` of them under way while the caller works."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as pool:
        waiting: list[Future[R]] = []
        try:
            for entry in plan:
                waiting.append(pool.submit(make, entry))
                if len(waiting) > ahead:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            for future in waiting:
                future.cancel()
