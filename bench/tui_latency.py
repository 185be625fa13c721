"""What the terminal application costs: first paint, key press to paint, processor share, bytes on the line, memory.

    python -m bench.tui_latency [--seconds 8] [--songs 10000]

An engine's events are written at fifty a second by this process. First paint, processor share and bytes are measured
on the real command in a pseudo-terminal of 120 × 36; key presses with Textual's pilot, from the key to the made escape
sequence; memory by replaying a day of events (one step every half second, a device sample every two) in the command.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psutil
from textual import events
from textual.pilot import Pilot
from textual.screen import Screen

from bench.live_run import COLUMNS, PATIENCE, ROWS, Terminal, Writer, make_run
from bench.table_scroll import Ours, songs
from sidestep_tui.dataset.session import EditSession
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.monitor.screen import MonitorScreen

DAY_STEPS: Final = 172_800


def first_paint(repeats: int) -> tuple[list[float], list[float]]:
    """Seconds to the first panel of home, warm, and the processor's seconds within: the others are waiting."""
    walls, works = [], []
    for _ in range(repeats + 1):
        terminal = Terminal()
        walls.append(terminal.wait_for(b"Machine"))
        works.append(sum(psutil.Process(terminal.process.pid).cpu_times()[:2]))
        terminal.close()
    return walls[1:], works[1:]


def watching(run: RunDirectory, first: int, seconds: float, *words: str) -> tuple[float, float, float]:
    """Share of one core, bytes a second and redraws a second while the monitor follows fifty events a second."""
    writer = Writer(run, first)
    writer.start()
    terminal = Terminal(*words, "runs", "attach", str(run.path))
    try:
        terminal.wait_for(b"running")
        terminal.watch(1.5)
        process = psutil.Process(terminal.process.pid)
        before = sum(process.cpu_times()[:2])
        watched = terminal.watch(seconds)
        work = sum(process.cpu_times()[:2]) - before
        return work / watched.seconds, watched.total / watched.seconds, watched.redraws / watched.seconds
    finally:
        terminal.close()
        writer.end()


def memory_of(run: RunDirectory) -> tuple[float, int]:
    """Seconds until a run is drawn, and resident bytes of the viewer a moment later."""
    terminal = Terminal("runs", "attach", str(run.path))
    seconds = terminal.wait_for(b"interrupted")
    terminal.watch(1.0)
    resident = psutil.Process(terminal.process.pid).memory_info().rss
    terminal.close()
    return seconds, resident


class Watching(Ours):
    """The monitor on a living run, and beneath or above it the table of songs where there are songs; paints noted."""

    def __init__(self, run: RunDirectory, review: Review | None = None, *, table_in_front: bool = False) -> None:
        self._monitor, self._table, self._table_in_front = MonitorScreen(run), review, table_in_front
        super().__init__(review or Review(EditSession(songs(1, run.path))))

    def screens(self) -> list[Screen[Any]]:
        table = super().screens() if self._table else []
        return [self._monitor, *table] if self._table_in_front else [*table, self._monitor]

    def is_drawn(self) -> bool:
        return self._table_in_front or self._monitor.summary is not None


async def drawn(app: Watching, pilot: Pilot[None]) -> None:
    deadline = time.perf_counter() + PATIENCE
    while not app.is_drawn():
        if time.perf_counter() > deadline:
            raise TimeoutError(f"{app.screen} was not drawn")
        await pilot.pause()
    await pilot.pause()


async def opening(run: RunDirectory) -> tuple[float, float]:
    """Seconds and the processor's seconds until a run is drawn by an application that is imported already."""
    began, work = time.perf_counter(), time.process_time()
    app = Watching(run)
    async with app.run_test(size=(COLUMNS, ROWS)) as pilot:
        await drawn(app, pilot)
        return time.perf_counter() - began, time.process_time() - work


async def press(app: Watching, keys: Sequence[str]) -> list[tuple[float, float]]:
    """Seconds from each key to its paint, and seconds of processor time within."""
    found = []
    async with app.run_test(size=(COLUMNS, ROWS)) as pilot:
        await drawn(app, pilot)
        for key in keys:
            await pilot.pause()
            while not app.paints.empty():
                app.paints.get_nowait()
            began, work = time.perf_counter(), time.process_time()
            app.post_message(events.Key(key, None))
            painted = await asyncio.wait_for(app.paints.get(), PATIENCE)
            found.append((painted - began, time.process_time() - work))
    return found


def keys_while_written(app: Watching, run: RunDirectory, keys: Sequence[str]) -> list[tuple[float, float]]:
    """The keys' times while an engine writes fifty events a second to the run."""
    writer = Writer(run, 10_000_000)
    writer.start()
    try:
        return asyncio.run(press(app, keys))
    finally:
        writer.end()


def table_keys(run: RunDirectory, number: int, root: Path) -> list[tuple[float, float]]:
    """Keys in the table of songs, over a monitor that is written to."""
    app = Watching(run, Review(EditSession(songs(number, root))), table_in_front=True)
    return keys_while_written(app, run, ["down", "down", "pagedown", "up"] * 40)


def monitor_keys(run: RunDirectory, number: int = 0) -> list[tuple[float, float]]:
    """Keys on the charts of a run of ten thousand steps that grows; over a table of so many songs."""
    review = Review(EditSession(songs(number, run.path))) if number else None
    return keys_while_written(Watching(run, review), run, ["left", "left", "plus", "minus", "2", "1"] * 25)


def milliseconds(pairs: list[tuple[float, float]]) -> str:
    told = []
    for name, values in zip(("", "processor "), zip(*pairs, strict=True), strict=True):
        ordered = sorted(values)
        told.append(
            f"{name}p50 {1e3 * statistics.median(ordered):.0f} ms, p95 {1e3 * ordered[int(0.95 * len(ordered))]:.0f} ms"
        )
    return "; ".join(told)


def tell(name: str, value: str) -> None:
    print(f"| {name:<36} | {value} |", flush=True)


def measure(seconds: float, number: int) -> None:
    """Every figure, told as soon as it is known."""
    paints, works = first_paint(8)
    spread = f"({min(paints):.2f} to {max(paints):.2f})"
    tell("first paint, warm", f"{statistics.median(paints):.2f} s {spread}; processor {statistics.median(works):.2f} s")
    for name, words in (("monitor", ()), ("low bandwidth", ("--low-bandwidth",))):
        share, rate, redraws = watching(make_run(name, 10_000), 10_001, seconds, *words)
        tell(f"{name}: share of a core", f"{share:.1%}")
        tell(f"{name}: on the line", f"{rate / 1024:.1f} KiB/s, {redraws:.1f} redraws/s")
    tell("key to paint, monitor", milliseconds(monitor_keys(make_run("keys", 10_000))))
    tell(f"the same over {number} songs", milliseconds(monitor_keys(make_run("over songs", 10_000), number)))
    run = make_run("hundred thousand", 100_000)
    opened, _ = memory_of(run)
    wall, work = min(asyncio.run(opening(run)) for _ in range(3))
    tell("100000 steps open in", f"{wall:.2f} s (processor {work:.2f} s); from the shell {opened:.2f} s")
    opened, resident = memory_of(make_run("a day", DAY_STEPS))
    tell(f"a day of {DAY_STEPS} steps opens in", f"{opened:.2f} s from the shell")
    tell("resident memory with it", f"{resident / 2**20:.0f} MiB")
    run = make_run("beneath the table", 100)
    tell(f"key to paint, {number} songs", milliseconds(table_keys(run, number, run.path)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--songs", type=int, default=10_000)
    options = parser.parse_args()
    print(f"{os.cpu_count()} processors; python {sys.version.split()[0]}; {COLUMNS}×{ROWS}", flush=True)
    load = os.getloadavg()[0]
    with TemporaryDirectory() as folder:
        os.environ["SIDESTEP_HOME"] = folder
        measure(options.seconds, options.songs)
    print(f"load {load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
