"""Where a job runs and in which precision, and what its memory looks like."""

import ctypes
import gc
import os
import sys
from collections.abc import Callable
from typing import Final

import psutil
import pynvml
import torch

from sidestep_tui.acestep.precisions import PRECISIONS
from sidestep_tui.config.base import Section
from sidestep_tui.config.model import ModelSettings
from sidestep_tui.engine.segments import let_segments_grow
from sidestep_tui.errors import SidestepError, first_line
from sidestep_tui.runs.cards import driver_cards, usual_card
from sidestep_tui.runs.events import DeviceSampled

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_MAX: Final = -4


def _model_settings(settings: Section) -> ModelSettings | None:
    """The `model` section of a job's settings; a job without one needs no device."""
    values = dict(settings)
    section = values.get("model")
    return section if isinstance(section, ModelSettings) else None


def choose_device(settings: Section) -> torch.device:
    """The device that the settings ask for; where they name no card, each process of a machine takes its own.

    Raises:
        SidestepError: it is not there.
    """
    model = _model_settings(settings)
    return torch.device("cpu") if model is None else named_device(model.device)


def named_device(name: str) -> torch.device:
    """The device that a setting names, `auto` and `cuda` included.

    Raises:
        SidestepError: it is not there.
    """
    if name == "auto" and not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device(f"cuda:{_unnamed_card()}" if name in ("auto", "cuda") else name)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise SidestepError("Metal is not available here.", where="device", fix="`--device cpu` works everywhere")
    if device.type == "cuda" and device.index >= torch.cuda.device_count():
        raise SidestepError(
            f"There is no {device}: torch sees {torch.cuda.device_count()} CUDA cards.",
            where="device",
            fix="`sidestep doctor` tells what is missing; `--device cpu` works everywhere",
        )
    return device


def _unnamed_card() -> int:
    """The number that torchrun, or the engine for its own ranks, gave this process, else that of the usual card."""
    rank, count = os.environ.get("LOCAL_RANK"), torch.cuda.device_count()
    if rank is not None or not count:
        return int(rank or 0)
    return usual_card([torch.cuda.get_device_properties(card).total_memory for card in range(count)])


def make_current(device: torch.device) -> None:
    """Makes a card the one that torch and other libraries mean where they name none, as for the precisions it has.

    Its memory is taken in segments that grow, where they can.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
        let_segments_grow(device)


def why_no_card(settings: Section) -> str | None:
    """Why the processor was chosen although the machine has NVIDIA cards, in torch's words.

    None where there is no card, where somebody has named a device or hidden the cards, and where torch can use them.
    """
    model = _model_settings(settings)
    left_open = model is not None and model.device == "auto" and "CUDA_VISIBLE_DEVICES" not in os.environ
    if not left_open or torch.cuda.is_available() or not driver_cards():
        return None
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:  # the driver's complaint; that of a build without CUDA
        return first_line(error).partition(". ")[0].rstrip(".")
    return None


def choose_dtype(settings: ModelSettings, device: torch.device) -> torch.dtype:
    """The precision of the frozen weights, which is the usual one where none is asked for."""
    return usual_dtype(device) if settings.precision == "auto" else PRECISIONS[settings.precision]


def usual_dtype(device: torch.device) -> torch.dtype:
    """What a published model computes in: bfloat16 on a card that has it and does not emulate it, else float32."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float32


def keep_freed_memory() -> None:
    """Lets glibc keep freed memory instead of giving it back to the kernel, which zeroes each page it hands out again.

    On a CPU, where every activation is a fresh allocation of megabytes, page faults are otherwise a third of the time.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # musl has none
        library.mallopt(_M_MMAP_MAX, 0)
        library.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def free_memory() -> None:
    """Gives what nothing refers to any more back to the card; a process that uses none is only tidied."""
    gc.collect()
    torch.cuda.empty_cache()


def device_sampler(device: torch.device) -> Callable[[], DeviceSampled]:
    """A function that reads the memory of this process and of the device that it works on, and how busy a card is."""
    process = psutil.Process()

    def sample() -> DeviceSampled:
        if device.type != "cuda":
            return DeviceSampled(process_bytes=process.memory_info().rss)
        free, total = torch.cuda.mem_get_info(device)
        return DeviceSampled(
            process_bytes=process.memory_info().rss,
            device_bytes=total - free,
            device_total_bytes=total,
            peak_bytes=torch.cuda.max_memory_reserved(device),
            utilisation=_told_by_nvml(torch.cuda.utilization, device, 100),
            power_watts=_told_by_nvml(torch.cuda.power_draw, device, 1000),
            temperature=_told_by_nvml(torch.cuda.temperature, device, 1),
        )

    return sample


def _told_by_nvml(ask: Callable[[torch.device], int], device: torch.device, parts: int) -> float | None:
    """What torch asks NVML about a card, in so many parts of the unit; None where the driver or card does not tell."""
    try:
        return ask(device) / parts
    except (pynvml.NVMLError, RuntimeError, LookupError, ValueError):
        return None
