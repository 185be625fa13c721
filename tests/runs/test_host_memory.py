"""The host's memory: that of the machine, or what a container leaves of it."""

from pathlib import Path

import psutil
import pytest

from sidestep_tui.runs import host_memory as module
from sidestep_tui.runs.host_memory import HostMemory, host_memory

GIB = 2**30
ROOT_OF_VERSION_1 = 9_223_372_036_854_771_712


@pytest.fixture(autouse=True)
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 512 GiB, 400 of them free, and the folder of its control group, empty yet."""
    machine = psutil.virtual_memory()._replace(total=512 * GIB, available=400 * GIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)
    monkeypatch.setattr(module, "_GROUP", tmp_path)
    return tmp_path


def _version_2(group: Path, limit: str, used: int, files: int) -> None:
    (group / "memory.max").write_text(f"{limit}\n")
    (group / "memory.current").write_text(f"{used}\n")
    (group / "memory.stat").write_text(f"anon 5\ninactive_file {files}\nactive_file 7\n")


def _version_1(group: Path, limit: int, used: int, files: int) -> None:
    (group / "memory").mkdir()
    (group / "memory" / "memory.limit_in_bytes").write_text(f"{limit}\n")
    (group / "memory" / "memory.usage_in_bytes").write_text(f"{used}\n")
    (group / "memory" / "memory.stat").write_text(f"cache 3\ntotal_inactive_file {files}\n")


def test_without_a_group_it_is_the_machines() -> None:
    assert host_memory() == HostMemory(512 * GIB, 400 * GIB)


def test_a_container_has_its_limit_less_what_cannot_be_let_go(group: Path) -> None:
    _version_2(group, str(32 * GIB), 20 * GIB, 6 * GIB)
    assert host_memory() == HostMemory(32 * GIB, 18 * GIB)


def test_an_older_kernels_container_too(group: Path) -> None:
    _version_1(group, 32 * GIB, 20 * GIB, 6 * GIB)
    assert host_memory() == HostMemory(32 * GIB, 18 * GIB)


def test_a_group_without_a_limit_leaves_the_machines(group: Path) -> None:
    _version_2(group, "max", 20 * GIB, 6 * GIB)
    _version_1(group, ROOT_OF_VERSION_1, 100 * GIB, 6 * GIB)
    assert host_memory() == HostMemory(512 * GIB, 400 * GIB)


def test_a_full_container_has_nothing_and_not_less(group: Path) -> None:
    _version_2(group, str(32 * GIB), 33 * GIB, 0)
    assert host_memory() == HostMemory(32 * GIB, 0)
