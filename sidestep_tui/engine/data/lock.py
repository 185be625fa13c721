"""One run at a time encodes into a folder of tensors: each takes its own songs for all that the folder holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sidestep_tui.disk_errors import disk_errors_named
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.locks import TENSORS_LOCK, trying_to_hold


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Makes a folder of tensors, where it is not there, and keeps other runs from writing into it inside the block.

    Raises:
        SidestepError: another run writes there, or nothing can be written.
    """
    with disk_errors_named(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with trying_to_hold(folder / TENSORS_LOCK, needed=False) as is_ours:
        if not is_ours:
            raise SidestepError(
                "Another run writes into this folder.",
                where=folder,
                fix="wait for its end (`sidestep runs list`), or choose another output folder",
            )
        yield
