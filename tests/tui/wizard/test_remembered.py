"""What the wizard begins with: the model and the songs of the last time, where they are still there."""

import json
from pathlib import Path

import pytest

from sidestep_tui.tui.wizard.start import remember, remembered, starting_document

SONGS = "data.tensors"
MODEL = "model.checkpoint"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A data set that was saved under a name of its own."""
    file = tmp_path / "best of.json"
    file.write_text(json.dumps({"samples": []}), encoding="utf-8")
    return file


def test_a_saved_data_set_is_offered_again_until_it_is_gone(saved: Path, tmp_path: Path) -> None:
    remember({MODEL: str(tmp_path), SONGS: str(saved)})
    assert remembered() == {MODEL: str(tmp_path), SONGS: str(saved)}
    document = starting_document()
    assert document.value(document.find(SONGS)) == str(saved)
    saved.unlink()
    assert remembered() == {MODEL: str(tmp_path)}


def test_a_model_is_a_folder(saved: Path) -> None:
    remember({MODEL: str(saved)})
    assert remembered() == {}
