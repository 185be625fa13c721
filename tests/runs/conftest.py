"""Runs on disk, with settings of the smallest job."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sidestep_tui.config.jobs import ExportSettings
from sidestep_tui.runs.directory import RunDirectory, create_run


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., RunDirectory]:
    """`make_run("a")` or `make_run(path)` makes a run directory; nothing runs."""

    def make(place: str | Path = "run") -> RunDirectory:
        settings = ExportSettings(adapter=Path("/adapter"), output=Path("/exported"))
        return create_run(tmp_path / place, "export", settings)

    return make


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[RunDirectory]:
    """Two runs, and a home of their own."""
    monkeypatch.setenv("SIDESTEP_HOME", str(tmp_path / "home"))
    settings = ExportSettings(adapter=Path("a"), output=Path("b"))
    return [create_run(tmp_path / name, "export", settings) for name in ("first", "second")]
