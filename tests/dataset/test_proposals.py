"""What a labelling run has found waits on the disk, whatever became of the run, until a session takes it."""

from pathlib import Path

from sidestep_tui.dataset.edits import Edit
from sidestep_tui.dataset.proposals import PROPOSALS_FILE, Proposals, still_missing
from sidestep_tui.dataset.song import Dataset
from tests.dataset.conftest import song


def test_a_line_that_a_crash_tore_costs_no_other(tmp_path: Path) -> None:
    proposals = Proposals(tmp_path)
    first, second, third = (Edit({"bpm": bpm}, (f"{bpm}.wav",)) for bpm in (90, 100, 110))
    proposals.add(first)
    proposals.add(second)
    file = tmp_path / PROPOSALS_FILE
    file.write_bytes(file.read_bytes()[:-9])
    proposals.add(third)
    assert proposals.all() == [first, Edit({}, ()), third]


def test_what_somebody_said_stays_and_a_field_of_another_version_is_passed_over() -> None:
    dataset = Dataset(root=Path("/music"), songs=(song("a.wav", bpm=90), song("b.wav")))
    found = [Edit({"bpm": 120, "mood": "dark"}, (name,)) for name in ("a.wav", "b.wav", "gone.wav")]
    assert still_missing(dataset, found) == [Edit({"bpm": 120}, ("b.wav",))]
