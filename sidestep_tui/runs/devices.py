"""Which device a run works on, as the whole machine calls it, and which runs work there now.

Two engines on one card share its memory, and where that does not suffice both fail. So the queues, which start runs
when nobody looks, start none on a device where another run is at work, and take turns at it (`turn_at`). Whoever starts
a run by hand decides for himself whether there is room for two: he is told.
"""

import json
import platform
import re
from collections.abc import Iterator, Set
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from sidestep_tui.config.base import Section
from sidestep_tui.config.fields import look_up, setting_fields
from sidestep_tui.config.places import data_home
from sidestep_tui.files import write_json_atomic
from sidestep_tui.runs.cards import usual_visible_card, visible_cards
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import run_folders
from sidestep_tui.runs.locks import trying_to_hold

Devices = frozenset[str]
"""`cpu`, `mps`, `cuda:1`; a card has the driver's number, a part of one (MIG) the name in CUDA_VISIBLE_DEVICES."""

_CARD: Final = re.compile(r"cuda:(\d+)")


def devices_of(settings: Section) -> Devices:
    """The devices that a run with these settings works on when this process, or one that it starts, is its engine."""
    document = settings.model_dump()
    fields = [field for field in setting_fields(type(settings)) if field.applies(document, {})]
    used = {field.name: look_up(document, field.path) for field in fields}
    wanted, processes = str(used.get("device", "cpu")), int(used.get("processes", 1))
    visible = [f"cuda:{name}" for name in visible_cards()]
    if wanted == "auto" and not visible:
        return frozenset({"cpu"})
    if wanted in ("auto", "cuda") and visible:
        return frozenset(visible[:processes] if processes > 1 else [f"cuda:{usual_visible_card()}"])
    card = _CARD.fullmatch(wanted)
    if card is not None and int(card[1]) < len(visible):
        return frozenset({visible[int(card[1])]})
    return frozenset({wanted})


def note_devices(run: RunDirectory) -> None:
    """Keeps on which devices a run works from now on. For its engine, which holds the run's lock.

    Raises:
        SidestepError: the settings cannot be read, or the run directory cannot be written.
    """
    document = {"host": platform.node(), "devices": sorted(devices_of(run.settings()))}
    write_json_atomic(run.devices_file, document)


def at_work_on(devices: Set[str], but: RunDirectory | None = None) -> list[RunDirectory]:
    """The runs whose engines work on one of these devices of this machine now.

    Args:
        devices: as `devices_of` gives them.
        but: a run that does not count.

    Raises:
        OSError: the folder of the runs cannot be read.
    """
    runs = (run for run in map(RunDirectory, run_folders()) if run != but and run.alive())
    return [run for run in runs if not devices.isdisjoint(_noted(run))]


def sharing_with(run: RunDirectory) -> list[RunDirectory]:
    """The runs that share a card's memory with a run when it is started now; those on the processor are left out.

    Raises:
        SidestepError: the settings of the run cannot be read.
    """
    return at_work_on(devices_of(run.settings()) - {"cpu"}, but=run)


@contextmanager
def turn_at(devices: Set[str]) -> Iterator[bool]:
    """Has the turn at these devices inside the block; gives False where another process has it at one of them.

    Raises:
        SidestepError: the file system has no locks.
    """
    folder = data_home() / "queues"
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as turns:
        yield all(turns.enter_context(trying_to_hold(folder / _lock_name(device))) for device in sorted(devices))


def _lock_name(device: str) -> str:
    """A home may be shared by several machines, each with a `cuda:0` of its own."""
    return f"{re.sub(r'[^A-Za-z0-9.-]+', '-', f'{platform.node()}-{device}')}.turn"


def _noted(run: RunDirectory) -> list[Any]:
    """The devices of a run that is at work on this machine; none where its engine has not said so yet."""
    try:
        document = json.loads(run.devices_file.read_text(encoding="utf-8"))
        return list(document["devices"]) if document["host"] == platform.node() else []
    except (OSError, ValueError, KeyError, TypeError):
        return []
