"""What a card is and reaches: its matrix and copy rates, whether its flash kernel is right, what the context takes.

    python -m bench.card_facts

All other figures of a card mean something only beside these.
"""

import argparse
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

import pynvml
import torch
import torch.nn.functional as F

from bench.common import alternate, describe_machine, matmul_rate, print_table
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
    properties = torch.cuda.get_device_properties(device)
    rows = [
        ["card", f"{properties.name}, {properties.total_memory / GB:.1f} GB"],
        [
            "compute capability, processors",
            f"{properties.major}.{properties.minor}, {properties.multi_processor_count}",
        ],
        ["driver, CUDA of torch, cuDNN", f"{driver}, {torch.version.cuda}, {torch.backends.cudnn.version()}"],
        ["python, libraries", ", ".join([platform.python_version(), *map(_installed, LIBRARIES)])],
        ["flash kernel", _flash(device)],
        *([f"products in {name}", f"{rate / 1e12:.1f} TFLOP/s"] for name, rate in _rates(device).items()),
        *(
            [f"copies, {way}", f"{rate / GB:.1f} GB/s"]
            for way, rate in _copies(device, options.copied_mb * MIB).items()
        ),
        *([f"memory outside torch's allocator, {use}", size] for use, size in taken.items()),
    ]
    print(f"{describe_machine(device)}\n")
    print_table(["what", "measured"], rows)


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


def _rates(device: torch.device) -> dict[str, float]:
    return {str(dtype).removeprefix("torch."): matmul_rate(device, dtype) for dtype in (torch.bfloat16, torch.float32)}


def _copies(device: torch.device, size: int) -> dict[str, float]:
    """Bytes a second: those that go over the bus, and on the card those that are read and written."""
    there, other = (torch.empty(size, dtype=torch.uint8, device=device) for _ in range(2))
    pinned, pageable = torch.empty(size, dtype=torch.uint8, pin_memory=True), torch.empty(size, dtype=torch.uint8)
    ways: dict[str, Callable[[], object]] = {
        "from pinned memory": lambda: there.copy_(pinned, non_blocking=True),
        "from memory": lambda: there.copy_(pageable),
        "to pinned memory": lambda: pinned.copy_(there, non_blocking=True),
        "on the card": lambda: there.copy_(other),
    }
    timings = alternate(ways, 5, device)
    return {way: (2 if way == "on the card" else 1) * size / min(timing.seconds) for way, timing in timings.items()}


def _installed(library: str) -> str:
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return f"no {library}"


if __name__ == "__main__":
    main()
