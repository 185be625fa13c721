"""From a key press to the painted line, with ten thousand songs: ours against Textual's DataTable of the same cells.

    python bench/table_scroll.py [--songs 10000] [--keys 200]

A press is posted as the driver would post it; it ends when the escape sequence for the terminal has been made. Textual
paints at most sixty times a second, so a press waits up to 16 ms for its frame whatever the table does; "work" is the
time between press and paint in which the processor was busy.
"""

import argparse
import asyncio
import os
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widgets import DataTable

from sidestep_tui.dataset.session import EditSession
from sidestep_tui.dataset.song import AudioInfo, Dataset, Song
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.dataset.columns import COLUMNS, fitted, widths
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.dataset.screen import ReviewScreen

SIZE = (120, 36)
MOVES = {"down": ("down", "down"), "page down": ("pagedown", "pagedown"), "end and home": ("G", "g")}
"""For each move the keys that are pressed in turns."""


class Paints(asyncio.Queue[float]):
    """When each paint was done."""

    def note(self, app: App[Any], renderable: Any) -> None:
        if renderable is not None and hasattr(renderable, "render_segments"):
            renderable.render_segments(app.console)
            self.put_nowait(time.perf_counter())


class Ours(SidestepApp):
    def __init__(self, review: Review) -> None:
        super().__init__("dataset")
        self.paints = Paints()
        self._review = review

    def on_mount(self) -> None:
        for screen in self.screens():
            self.push_screen(screen)

    def screens(self) -> list[Screen[Any]]:
        """What is opened at the start, the front one last; a method, since Textual calls `on_mount` of every base."""
        return [ReviewScreen(self._review)]

    def _display(self, screen: Any, renderable: Any) -> None:
        super()._display(screen, renderable)
        self.paints.note(self, renderable)


class Theirs(App[None]):
    BINDINGS = [("G", "edge(True)"), ("g", "edge(False)")]  # noqa: RUF012 - as Textual declares it

    def __init__(self, review: Review) -> None:
        super().__init__()
        self.paints = Paints()
        self._review = review

    def compose(self) -> ComposeResult:
        table: DataTable[Text] = DataTable(cursor_type="row")
        room = widths(SIZE[0] - 2 * len(COLUMNS))
        for name, column in COLUMNS.items():
            table.add_column(column.label, width=room[name])
        for song in self._review.songs.values():
            cells = [fitted(one, one.cell(song, self._review)[0], room[name]) for name, one in COLUMNS.items()]
            table.add_row(*(Text(text) for text in cells))
        yield table

    def action_edge(self, last: bool) -> None:
        table = self.query_one(DataTable)
        table.move_cursor(row=table.row_count - 1 if last else 0)

    def _display(self, screen: Any, renderable: Any) -> None:
        super()._display(screen, renderable)
        self.paints.note(self, renderable)


def songs(number: int, root: Path) -> Dataset:
    made = [
        Song(
            key=f"disc {index // 100:03d}/{index:05d} a song with a name.wav",
            audio_path=root / f"{index}.wav",
            audio=AudioInfo(120.0 + index % 200, 44_100, 2, "pcm_16", 1_000_000 + index, 1),
            caption=f"song number {index}, guitar and voice, mood {index % 7}",
            lyrics=f"[Verse]\nline {index}" if index % 3 else "",
            bpm=60 + index % 120,
            keyscale=("F# minor", "C major", "")[index % 3],
        )
        for index in range(number)
    ]
    return Dataset(root=root, songs=tuple(made))


async def measure(app: Any, keys: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds from press to paint, and seconds of processor time in between, for each kind of move."""
    found: dict[str, list[tuple[float, float]]] = {}
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        await app.workers.wait_for_complete()
        await pilot.pause()
        for move, turns in MOVES.items():
            found[move] = []
            for turn in range(keys):
                await pilot.pause()
                while not app.paints.empty():
                    app.paints.get_nowait()
                start, work = time.perf_counter(), time.process_time()
                app.post_message(events.Key(turns[turn % 2], None))
                painted = await asyncio.wait_for(app.paints.get(), 10)
                found[move].append((painted - start, time.process_time() - work))
    return found


def figures(values: list[float]) -> str:
    ordered = sorted(values)
    return f"p50 {1e3 * statistics.median(ordered):6.1f} ms   p95 {1e3 * ordered[int(0.95 * len(ordered))]:6.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=10_000)
    parser.add_argument("--keys", type=int, default=200)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        os.environ["SIDESTEP_HOME"] = folder
        results = {}
        for name, kind in (("song table", Ours), ("DataTable", Theirs)):
            review = Review(EditSession(songs(options.songs, Path(folder))))
            begun = time.perf_counter()
            results[name] = asyncio.run(measure(kind(review), options.keys))
            print(f"{name}: {options.songs} songs, {time.perf_counter() - begun:.1f} s in all")
            for move, pairs in results[name].items():
                print(f"  {move:13} paint {figures([a for a, _ in pairs])}   work {figures([b for _, b in pairs])}")
    for move in MOVES:
        ours, theirs = (statistics.median(work for _, work in results[name][move]) for name in results)
        print(f"{move}: DataTable / song table, median work: {theirs / ours:.1f}")


if __name__ == "__main__":
    main()
