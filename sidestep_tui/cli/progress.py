"""A bar on the standard error stream while a command works through many files; standard output stays the result's."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sidestep_tui.dataset.probe import Progress
from sidestep_tui.dataset.session import load_dataset
from sidestep_tui.dataset.song import Dataset


@contextmanager
def progress_bar(what: str) -> Iterator[Progress]:
    """Gives a function that is told what is done and how much there is; the bar goes when the work ends.

    Nothing is drawn where the standard error stream is no terminal, or before there is something to wait for.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(file=sys.stderr, markup=False, emoji=False, highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        yield lambda _done, _total: None
        return
    figures = (MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left", markup=False), TimeRemainingColumn())
    with Progress(TextColumn(what, markup=False), BarColumn(), *figures, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None, visible=False)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=done < total, refresh=not done)

        yield tell


def read_dataset(path: Path, *, replay: bool = True) -> Dataset:
    """`load_dataset` with a bar; arguments and errors as there."""
    with progress_bar("reading the songs") as tell:
        return load_dataset(path, replay=replay, progress=tell)
