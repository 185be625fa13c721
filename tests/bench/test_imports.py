"""Benchmarks are run by hand, on machines that are lent for an hour: none may have lost what it imports by then."""

from importlib import import_module
from pathlib import Path

import pytest

MODULES = sorted(path.stem for path in Path(__file__).parents[2].joinpath("bench").glob("*.py"))
OPTIONAL = {"labelling": "mido", "labelling_songs": "mido"}  # the extra `bench`


@pytest.mark.parametrize("name", MODULES)
def test_every_benchmark_finds_what_it_imports(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name in OPTIONAL:
        pytest.importorskip(OPTIONAL[name])
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "bench")
    import_module(f"bench.{name}")
