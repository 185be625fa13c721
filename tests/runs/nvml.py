"""A made-up NVML in the place of the driver's."""

from dataclasses import dataclass
from types import SimpleNamespace

import pynvml


@dataclass
class FakeNvml:
    """Two cards; the second tells neither power nor temperature."""

    cards: int = 2
    opened: int = 0
    broken: bool = False
    unified: bool = False
    parts: dict[str, int] | None = None
    """The parts of the first card, and the bytes that each has, where only they may be asked; 0 where not even that."""

    NVMLError = pynvml.NVMLError
    NVMLError_LibraryNotFound = pynvml.NVMLError_LibraryNotFound
    NVMLError_NotSupported = pynvml.NVMLError_NotSupported
    NVMLError_NoPermission = pynvml.NVMLError_NoPermission
    NVMLError_InvalidArgument = pynvml.NVMLError_InvalidArgument
    NVML_TEMPERATURE_GPU = pynvml.NVML_TEMPERATURE_GPU

    def nvmlInit(self) -> None:  # noqa: N802 - NVML's own names
        self.opened += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.opened -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return self.cards

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetHandleByUUID(self, name: str) -> str:  # noqa: N802
        return name

    def nvmlDeviceGetName(self, handle: int) -> str:  # noqa: N802
        return f"Card {handle}"

    def nvmlDeviceGetUUID(self, handle: int) -> str:  # noqa: N802
        return f"GPU-{handle}"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:  # noqa: N802
        if self.broken:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        if self.unified:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        if self.parts is not None and handle != 1:
            return self._of_part(self.parts.get(str(handle), 0))
        return SimpleNamespace(total=24 * 2**30, used=(8 if handle == 0 else 9) * 2**30)

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: int) -> int:  # noqa: N802
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: int, index: int) -> str:  # noqa: N802
        if index >= len(self.parts or {}):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return list(self.parts or {})[index]

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:  # noqa: N802
        if str(handle).startswith("MIG"):
            raise pynvml.NVMLError(pynvml.NVML_ERROR_INVALID_ARGUMENT)
        return SimpleNamespace(gpu=50)

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:  # noqa: N802
        return self._told(handle, 312_500)

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> int:  # noqa: N802
        return self._told(handle, 64)

    def _told(self, handle: int, value: int) -> int:
        if handle == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return value

    def _of_part(self, total: int) -> SimpleNamespace:
        if not total:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NO_PERMISSION)
        return SimpleNamespace(total=total, used=2**30)
