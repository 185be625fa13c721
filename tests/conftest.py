"""Model folders for the tests: the tiny model, and the reference checkpoints assembled from `tests/reference`."""

import gc
import os
import shutil
from collections.abc import Callable, Generator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    import torch

# Tiny models gain nothing from a second thread, and two test workers on two cores lose much by it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Tests read the interface in English; `test_chinese.py` runs itself once more with this.
os.environ["SIDESTEP_LANGUAGE"] = os.environ.get("SIDESTEP_TEST_LANGUAGE", "en")

# How long an example takes to make or to test says how busy the machine is.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

REFERENCE = Path(__file__).parent / "reference"
SILENCE_FRAMES = 15_000


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Importing all tests and what they import leaves no garbage, and looking for it took a third of the time."""
    gc.disable()
    collected = yield
    gc.enable()
    spare_the_collector()
    return collected


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Lets each worker begin with its share of the slow tests: one that begins last is waited for by all the others.

    A worker is given as many tests as each other, in the order of this list, and what is stolen is taken from the end.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers == 1:
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    others = iter([item for item in items if not item.get_closest_marker("slow")])
    shares = (slow[first::workers] for first in range(workers))
    size = len(items) // workers
    ordered = [item for share in shares for item in (*share, *islice(others, max(0, size - len(share))))]
    items[:] = [*ordered, *others]


def spare_the_collector() -> None:
    """Takes what is alive now, modules and collected tests, out of what garbage collection looks through.

    The engine collects where it frees a card's memory; beside all of torch and three thousand tests that took more than
    a second each time.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def reference_folder() -> Path:
    """`tests/reference`."""
    return REFERENCE


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny turbo model in the diffusers layout. Shared: do not write into it."""
    from sidestep_tui.acestep.tiny import build_tiny_checkpoint

    path = tmp_path_factory.mktemp("models") / "tiny"
    build_tiny_checkpoint(path)
    spare_the_collector()  # of the libraries that this has loaded
    return path


@pytest.fixture(scope="session")
def reference_checkpoint(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Callable[[str], Path]:
    """`reference_checkpoint("acestep-v15-turbo")`: a model folder in the original layout. Shared: do not write."""
    import torch
    from safetensors.torch import load_file

    root = tmp_path_factory.mktemp("original") / "checkpoints"
    shutil.copytree(REFERENCE / "checkpoints", root)
    shutil.copytree(tiny_checkpoint / "vae", root / "vae")
    frames = load_file(REFERENCE / "silence.safetensors")["frames"]
    silence = frames.repeat(SILENCE_FRAMES // len(frames), 1).T[None].contiguous()
    for model in root.glob("acestep-*"):
        torch.save(silence, model / "silence_latent.pt")
    return lambda name: root / name


@pytest.fixture(scope="session")
def expected() -> Callable[[str], "dict[str, torch.Tensor]"]:
    """`expected("turbo")`: inputs and outputs of the original model, as `tests/reference/README.md` names them."""
    import torch
    from safetensors.torch import load_file

    frames = load_file(REFERENCE / "silence.safetensors")["frames"]
    inputs = load_file(REFERENCE / "expected" / "inputs.safetensors")
    inputs["enc.ref"] = torch.cat([frames[None, :750], inputs["enc.ref"]])
    inputs["train.ref"] = frames[:750].expand(4, -1, -1)
    inputs["train.src"] = frames[:50].expand(4, -1, -1)
    return lambda name: inputs | load_file(REFERENCE / "expected" / f"{name}.safetensors")


@pytest.fixture(autouse=True)
def sidestep_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`SIDESTEP_HOME` of every test: no test sees or touches the runs and presets of whoever runs it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("SIDESTEP_HOME", str(home))
    return home


@pytest.fixture
def stub_engine(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`stub_engine("complete")` puts `tests/stub_engine.py` in the engine's place; the word says what it does."""
    from sidestep_tui.runs import launch

    monkeypatch.setattr(launch, "ENGINE_MODULE", "stub_engine")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    return lambda behaviour: monkeypatch.setenv("STUB_ENGINE", behaviour)
