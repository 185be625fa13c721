"""The host's memory as far as this process may take it: the machine's, or less inside a container.

A container is shown all memory of the machine that it is rented on, and is ended where it takes more than its own
limit. That limit stands in its control group (the kernel's cgroup-v2.rst, and cgroup-v1/memory.rst).
"""

from pathlib import Path
from typing import Final, NamedTuple

import psutil

_GROUP: Final = Path("/sys/fs/cgroup")
_FILES: Final = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)
"""Of version 2 and of version 1: the limit, what is used, the statistics, and in these the files that can be let go."""


class HostMemory(NamedTuple):
    """Bytes in all, and those that can be taken without others being pushed out."""

    total: int
    available: int


def host_memory() -> HostMemory:
    """The memory now."""
    machine = psutil.virtual_memory()
    total, available = int(machine.total), int(machine.available)
    for files in _FILES:
        try:
            limit, left = _read(*files)
        except (OSError, ValueError, KeyError):  # another version, or no limit
            continue
        return HostMemory(min(total, limit), max(0, min(available, left)))
    return HostMemory(total, available)


def _read(limit: str, used: str, statistics: str, files: str) -> tuple[int, int]:
    """The limit of this process's group, and how much is left below it."""
    most = int((_GROUP / limit).read_text(encoding="ascii"))
    taken = int((_GROUP / used).read_text(encoding="ascii"))
    told = dict(line.split() for line in (_GROUP / statistics).read_text(encoding="ascii").splitlines())
    return most, most - taken + int(told[files])
