"""What every benchmark shares: the machine in words, alternating timing, and the table that is printed."""

import os
import platform
import statistics
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from sidestep_tui.acestep.products import product
from sidestep_tui.errors import first_line

Clock = Callable[[], float]
Row = tuple[Sequence[str], Callable[[], Sequence[str]]]
CLOCKS: Final[dict[str, Clock]] = {"wall": time.perf_counter, "cpu": time.process_time}
"""Wall time is what people wait for; processor time, with one thread, hardly depends on who else is at work."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one side, as often as it was measured."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """(largest - smallest) / median."""
        return (max(self.seconds) - min(self.seconds)) / self.median


def describe_machine(device: torch.device) -> str:
    """Processor or card, threads, load and versions: without them a figure means nothing."""
    load = os.getloadavg()[0]
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return (
        f"{where}, {torch.get_num_threads()} threads of {os.cpu_count()} processors, load {load:.1f}; "
        f"torch {torch.__version__}, python {platform.python_version()}"
    )


def alternate(
    sides: Mapping[str, Callable[[], object]], repeats: int, device: torch.device, clock: Clock = time.perf_counter
) -> dict[str, Timing]:
    """Times every side `repeats` times after one warm-up, in turns, so that a busy machine is busy for all of them."""
    for work in sides.values():
        work()
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, work in sides.items():
            wait_for(device)
            began = clock()
            work()
            wait_for(device)
            seconds[name].append(clock() - began)
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def wait_for(device: torch.device) -> None:
    """Waits until the device has done what it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def matmul_rate(
    device: torch.device,
    dtype: torch.dtype,
    clock: Clock = time.perf_counter,
    size: int | None = None,
    repeats: int = 15,
) -> float:
    """Floating point operations a second that a square matrix product reaches here and now: the best of a few.

    Of 1024 rows, and of 8192 on a card, which smaller ones leave idle.

    The product is the faster of those that we know (`acestep/products.py`), not torch's own.
    """
    size = size or (8192 if device.type == "cuda" else 1024)
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    timing = alternate({"product": lambda: product(left, right)}, repeats, device, clock)["product"]
    return 2 * size**3 / min(timing.seconds)


def print_measured(header: Sequence[str], rows: Iterable[Row]) -> int:
    """A Markdown table whose rows are printed as soon as they are measured: whoever is cut off has told the others.

    A row that fails says why, and the next one begins.

    Args:
        header: of the table.
        rows: what each of them is of, and what measures the rest of it.

    Returns:
        How many failed. What does not fit into a card's memory has told what it was asked.
    """
    failed = 0
    print_table(header, ())
    for of, measure in rows:
        try:
            cells = [*of, *measure()]
        except torch.OutOfMemoryError:
            cells = [*of, "does not fit"]
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a side that gives up ends its process by words
            traceback.print_exc()
            cells = [*of, f"{type(error).__name__}: {first_line(error)}".replace("|", "/")]
            failed += 1
        cells += [""] * (len(header) - len(cells))
        print("| " + " | ".join(cells) + " |", flush=True)
    return failed


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A Markdown table, columns aligned."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    print(line(header), line(["-" * width for width in widths]), *(line(row) for row in rows), sep="\n")


def ratio_of(slow: Timing, fast: Timing) -> str:
    """How many times faster, by medians."""
    return f"{slow.median / fast.median:.2f}×"


def seconds_of(timing: Timing) -> str:
    """Median and spread; in milliseconds where seconds have no room for them."""
    median = timing.median
    return f"{f'{median:.3f} s' if median >= 0.1 else f'{1000 * median:.2f} ms'} ±{timing.spread / 2:.0%}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
