"""A model folder of its own for tests that change it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def turbo(reference_checkpoint: Callable[[str], Path], tmp_path: Path) -> Path:
    """A private copy of the turbo model with its siblings."""
    shutil.copytree(reference_checkpoint("acestep-v15-turbo").parent, tmp_path / "checkpoints")
    return tmp_path / "checkpoints" / "acestep-v15-turbo"
