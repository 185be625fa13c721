"""What this machine has and uses at this moment: cards through NVML, memory and processor through psutil, the disk.

Used by the terminal application, `sidestep doctor` and the engine's sampler. Imports no torch, and opening it costs no
CUDA context, so a viewer never takes card memory from a run.
"""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pynvml

from sidestep_tui.runs.cards import answer, ask_driver, part_told, visible_cards
from sidestep_tui.runs.host_memory import host_memory
from sidestep_tui.told import told

_MOMENT = 0.1
"""Seconds that a load is measured over at least: the kernel counts in hundredths."""


@dataclass(frozen=True, slots=True)
class CardSnapshot:
    """One NVIDIA card. Memory in bytes, utilisation 0 to 1; None where the card or its driver does not tell.

    `index` is the number that CUDA gives it in our processes. `memory_used` counts every process on the card, not only
    ours. `memory_total` is 0 where we may not ask: on a part of a card (MIG) that the driver tells nothing of.
    """

    index: int
    name: str
    memory_total: int
    memory_used: int
    utilisation: float | None
    power_watts: float | None
    temperature: float | None

    @property
    def memory_free(self) -> int:
        """Bytes that a new process could take."""
        return self.memory_total - self.memory_used


@dataclass(frozen=True, slots=True)
class MachineSnapshot:
    """The whole machine. Memory and disk in bytes; `processor` is the mean load of all cores since the last snapshot.

    `cards` are those that CUDA shows us, in its order. `cards_missing` says in plain words why there are none; it is
    empty where there are some.
    """

    cards: tuple[CardSnapshot, ...]
    cards_missing: str
    memory_total: int
    memory_available: int
    processor: float
    disk_free: int

    @property
    def memory_used(self) -> int:
        """Bytes of host memory that are not available to a new process."""
        return self.memory_total - self.memory_available


class MachineProbe:
    """Takes snapshots; keeps NVML open between them, since opening it takes some 20 ms.

    Args:
        disk: a path on the file system whose free space counts; its nearest existing folder is asked.
    """

    def __init__(self, disk: Path) -> None:
        self._disk = disk
        self._handles: list[object] | None = None
        self._missing = ""
        self._load = _ProcessorLoad()

    def read(self) -> MachineSnapshot:
        """The machine now. Never fails: what cannot be told is left out."""
        memory = host_memory()
        cards = self._cards()
        return MachineSnapshot(
            cards=cards,
            cards_missing="" if cards else self._missing,
            memory_total=memory.total,
            memory_available=memory.available,
            processor=self._load.read(),
            disk_free=disk_free(self._disk),
        )

    def close(self) -> None:
        """Lets go of NVML."""
        if self._handles:
            pynvml.nvmlShutdown()
        self._handles = None

    def _cards(self) -> tuple[CardSnapshot, ...]:
        if self._handles is None:
            self._handles = self._open()
        try:
            return tuple(_card(index, handle) for index, handle in enumerate(self._handles))
        except pynvml.NVMLError as error:  # the driver was unloaded or a card fell off the bus: try again next time
            self._missing = f"the NVIDIA driver stopped answering: {error}"
            self._handles = None
            return ()

    def _open(self) -> list[object]:
        try:
            pynvml.nvmlInit()
            known = ask_driver()
            handles = [_handle(name) for name in visible_cards()]
        except pynvml.NVMLError_LibraryNotFound:
            self._missing = told("no NVIDIA driver is installed")
            return []
        except pynvml.NVMLError as error:
            self._missing = f"the NVIDIA driver does not answer: {error}"
            return []
        absent = told("CUDA_VISIBLE_DEVICES hides the cards") if known else told("no NVIDIA card is present")
        self._missing = "" if handles else absent
        return handles


class _ProcessorLoad:
    """The mean load of all cores between two looks.

    `psutil.cpu_percent` remembers the last look of each thread by itself and says 0 to one that asks for the first
    time; our snapshots are taken in whatever thread is free.
    """

    def __init__(self) -> None:
        self._at = time.monotonic()
        self._busy, self._total = _processor_seconds()
        self._known: float | None = None

    def read(self) -> float:
        """0 to 1, of the time since the last look; of a moment where there was none, or it has just been."""
        now = time.monotonic()
        if now - self._at < _MOMENT:
            if self._known is not None:
                return self._known
            time.sleep(_MOMENT)
        busy, total = _processor_seconds()
        if total > self._total:
            self._known = max(0.0, min(1.0, (busy - self._busy) / (total - self._total)))
        self._at, self._busy, self._total = time.monotonic(), busy, total
        return self._known or 0.0


def _processor_seconds() -> tuple[float, float]:
    """Seconds that the cores were busy, and all of their seconds, since the machine was started."""
    told = psutil.cpu_times()._asdict()
    total = sum(told.values()) - told.get("guest", 0.0) - told.get("guest_nice", 0.0)  # within user and nice on Linux
    return total - told["idle"] - told.get("iowait", 0.0), total


def disk_free(path: Path) -> int:
    """Free bytes on the file system of a path that need not exist yet."""
    existing = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    return shutil.disk_usage(existing).free


def _handle(name: str) -> object:
    """A card by its number, or the part of it that we may ask; or a part by its name."""
    if name.isdecimal():
        return part_told(pynvml.nvmlDeviceGetHandleByIndex(int(name)))
    return pynvml.nvmlDeviceGetHandleByUUID(name)


def _card(index: int, handle: object) -> CardSnapshot:
    total, used = _card_memory(handle)
    return CardSnapshot(
        index=index,
        name=str(pynvml.nvmlDeviceGetName(handle)),
        memory_total=total,
        memory_used=used,
        utilisation=answer(lambda: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100),
        power_watts=answer(lambda: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000),
        temperature=answer(lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)),
    )


def _card_memory(handle: object) -> tuple[int, int]:
    """Bytes in all and in use. A card with no memory of its own, such as GB10, has the host's, and NVML tells none.

    Both are 0 where we may not ask.
    """
    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    except pynvml.NVMLError_NotSupported:
        host = host_memory()
        return host.total, host.total - host.available
    except pynvml.NVMLError_NoPermission:
        return 0, 0
    return int(memory.total), int(memory.used)
