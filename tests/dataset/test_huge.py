"""A WAV of two gigabytes: scanned at once, and measured to its end without being held in the memory."""

import resource
import struct
from pathlib import Path

import numpy as np
import pytest

from sidestep_tui.dataset.label import label_dataset
from sidestep_tui.dataset.label_measures import MeasureCache
from sidestep_tui.dataset.session import load_dataset
from tests.dataset.conftest import tone

BYTES = 2_000_000_000
RATE = 48_000
FRAME = 8  # two sides of 32-bit floats, as studios keep recordings
SECONDS = BYTES / (RATE * FRAME)


@pytest.fixture
def huge(tmp_path: Path) -> Path:
    """A folder with one song of almost an hour and a half: silence, which takes no disk, and ten seconds of a tone."""
    folder = tmp_path / "songs"
    folder.mkdir()
    sound = tone(10.0, RATE).astype("<f4").T.tobytes()
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", BYTES + 36, b"WAVE", b"fmt ", 16, 3, 2, RATE, RATE * FRAME, FRAME,
                       32, b"data", BYTES)  # fmt: skip
    with (folder / "night.wav").open("wb") as file:
        file.write(head)
        file.seek(len(head) + BYTES - len(sound))
        file.write(sound)
    return folder


def test_it_is_scanned_without_being_decoded(huge: Path) -> None:
    dataset = load_dataset(huge)
    assert dataset.songs[0].duration == pytest.approx(SECONDS, abs=0.01)


@pytest.mark.slow
def test_the_whole_of_it_is_measured_and_what_was_told_from_a_part_says_so(huge: Path, tmp_path: Path) -> None:
    dataset, measures = load_dataset(huge), MeasureCache(tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    labels = next(iter(label_dataset(dataset, measures=measures)))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert "heard-in-part" in [finding.code for finding in labels.findings]
    known = measures.known(dataset.songs[0])
    assert known is not None
    assert known.silence_start == pytest.approx(SECONDS - 10, abs=0.02)
    assert known.silence_end == 0
    assert known.peak == pytest.approx(float(np.abs(tone(10.0, RATE)).max()), abs=1e-3)
    assert known.loudness == pytest.approx(-9.0, abs=3)
    assert grown < BYTES / 2  # all of its samples take BYTES
