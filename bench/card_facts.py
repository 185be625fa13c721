"""What a card is and reaches: its matrix and copy rates, whether its flash kernel is right, what the context takes.

    python -m bench.card_facts

All other figures of a card mean something only beside these.
"""

import argparse
import platform
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import pynvml
import torch
import torch.nn.functional as F

from bench.common import Row, alternate, describe_machine, matmul_rate, print_measured
from sidestep_tui.acestep import flash

GB = 1e9
MIB = 1024**2
LIBRARIES = ("triton", "diffusers", "transformers", "peft", "bitsandbytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copied-mb", type=int, default=1024)
    options = parser.parse_args()
    in_use, driver = _asked_of_the_driver()
    device = torch.device("cuda", 0)
    taken = _memory_by_use(device, in_use)
    print(f"{describe_machine(device)}\n")
    properties, copied = torch.cuda.get_device_properties(device), options.copied_mb * MIB
    processors = f"{properties.major}.{properties.minor}, {properties.multi_processor_count}"
    libraries = ", ".join([platform.python_version(), *map(_installed, LIBRARIES)])
    known = {
        "card": f"{properties.name}, {properties.total_memory / GB:.1f} GB",
        "compute capability, processors": processors,
        "driver, CUDA of torch, cuDNN": f"{driver}, {torch.version.cuda}, {torch.backends.cudnn.version()}",
        "python, libraries": libraries,
        **{f"memory outside torch's allocator, {use}": size for use, size in taken.items()},
    }
    rows: list[Row] = [((what, measured), list[str]) for what, measured in known.items()]
    rows.append((["flash kernel"], lambda: [_flash(device)]))
    rows += [([f"products in {dtype}"], partial(_rate, device, dtype)) for dtype in (torch.bfloat16, torch.float32)]
    rows += [([f"copies, {way}"], partial(_copy, device, copied, way)) for way in COPIES]
    sys.exit(print_measured(["what", "measured"], rows))


def _asked_of_the_driver() -> tuple[int | None, str]:
    """Bytes of the first card that were taken before this process had a context there, and the driver's version."""
    try:
        pynvml.nvmlInit()
        driver = str(pynvml.nvmlSystemGetDriverVersion())
        return int(pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByIndex(0)).used), driver
    except pynvml.NVMLError as error:
        return None, str(error)


def _memory_by_use(device: torch.device, in_use: int | None) -> dict[str, str]:
    """What the context and each library hold beside the allocator, one after the other."""
    x = torch.ones(1, 64, 64, device=device, dtype=torch.bfloat16, requires_grad=True)
    weight = torch.ones(64, 64, 3, device=device, dtype=torch.bfloat16)
    uses: dict[str, Callable[[], object]] = {
        "the context": lambda: x + 1,
        "and a product (cuBLAS)": lambda: x @ x,
        "and the flash kernel": lambda: flash.trust_flash(device),
        "and a convolution, forward and backward (cuDNN)": lambda: F.conv1d(x, weight).sum().backward(),
    }
    taken = {"before this process": "unknown" if in_use is None else f"{in_use / MIB:.0f} MiB"}
    for use, work in uses.items():
        work()
        torch.cuda.synchronize(device)
        free, total = torch.cuda.mem_get_info(device)
        outside = total - free - torch.cuda.memory_reserved(device) - (in_use or 0)
        taken[use] = f"{outside / MIB:.0f} MiB"
    return taken


def _flash(device: torch.device) -> str:
    if (problem := flash.trust_flash(device)) is not None:
        return f"not used: {problem}"
    return "right" if flash.is_trusted(device, torch.bfloat16) else "not made for this card"


def _rate(device: torch.device, dtype: torch.dtype) -> list[str]:
    return [f"{matmul_rate(device, dtype) / 1e12:.1f} TFLOP/s"]


def _copy(device: torch.device, size: int, way: str) -> list[str]:
    """Bytes a second: those that go over the bus, and on the card those that are read and written."""
    timing = alternate({way: COPIES[way](device, size)}, 5, device)[way]
    return [f"{(2 if way == 'on the card' else 1) * size / min(timing.seconds) / GB:.1f} GB/s"]


def _from_pinned(device: torch.device, size: int) -> Callable[[], object]:
    return partial(_there(device, size).copy_, torch.empty(size, dtype=torch.uint8, pin_memory=True), non_blocking=True)


def _from_host(device: torch.device, size: int) -> Callable[[], object]:
    return partial(_there(device, size).copy_, torch.empty(size, dtype=torch.uint8))


def _to_pinned(device: torch.device, size: int) -> Callable[[], object]:
    return partial(torch.empty(size, dtype=torch.uint8, pin_memory=True).copy_, _there(device, size), non_blocking=True)


def _on_card(device: torch.device, size: int) -> Callable[[], object]:
    return partial(_there(device, size).copy_, _there(device, size))


def _there(device: torch.device, size: int) -> torch.Tensor:
    return torch.empty(size, dtype=torch.uint8, device=device)


COPIES: Final = {
    "from pinned memory": _from_pinned,
    "from memory": _from_host,
    "to pinned memory": _to_pinned,
    "on the card": _on_card,
}


def _installed(library: str) -> str:
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return f"no {library}"


if __name__ == "__main__":
    main()
