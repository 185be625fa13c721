"""The highest that memory rises while a job works, and what there is to rise into."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil
import torch

from sidestep_tui.runs.host_memory import host_memory

_LINUX: Final = sys.platform == "linux"


class PeakMemory:
    """Watches the memory of the device from its making on; on a CPU that of this process, the libraries included.

    Linux keeps a high-water mark that can be set back; other systems give what is resident when asked.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)
            self.free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
        else:
            self.free = host_memory().available + psutil.Process().memory_info().rss
            if _LINUX:
                with suppress(OSError):  # a kernel without CONFIG_PROC_PAGE_MONITOR: the mark is of the whole process
                    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # proc(5): resets VmHWM

    @property
    def peak(self) -> int:
        """Bytes at the highest so far."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_reserved(self._device)
        if not _LINUX:
            return int(psutil.Process().memory_info().rss)
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
