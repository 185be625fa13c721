"""ACE-Step's own tutorial in one terminal: its folder, looked through, corrected, saved, and encoded to tensors."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.engine.data.manifest import read_manifest

from .conftest import SIDESTEP, Terminals, needs_tmux, until

pytestmark = [pytest.mark.slow, needs_tmux]
SECONDS = 1.5
KEYS = (("song1.mp3", "190", "D major", "10B"), ("song2.wav", "128", "A minor", "8A"), ("gone.wav", "90", "", ""))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """`dataset/` as the tutorial has it: audio, lyrics, labels as JSON, a caption, and the table of Key-BPM-Finder."""
    folder = tmp_path / "dataset"
    time = np.arange(int(SECONDS * 48_000)) / 48_000
    for name, pitch in (("song1.mp3", 220.0), ("song2.wav", 330.0)):
        tone = 0.3 * np.sin(2 * np.pi * pitch * time) * np.exp(-3 * (time % 0.25))
        write_audio(folder / name, np.stack([tone, 0.8 * tone]).astype(np.float32))
    (folder / "song1.lyrics.txt").write_text("[Verse 1]\nWalking down the empty street\n", "utf-8")
    labels = {"caption": "A high-energy J-pop track with synthesizer leads", "timesignature": "4", "language": "en"}
    (folder / "song1.json").write_text(json.dumps(labels), "utf-8")
    (folder / "song2.txt").write_text("[00:00.50]Echoes dancing at my feet\n[00:01.00]All night long\n", "utf-8")
    (folder / "song2.caption.txt").write_text("slow waltz, upright piano, brushed drums", "utf-8")
    with (folder / "keys.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("File", "Artist", "Title", "BPM", "Key", "Camelot"))
        writer.writerows((name, "", "", bpm, key, camelot) for name, bpm, key, camelot in KEYS)
    return folder


@dataclass(frozen=True)
class Person:
    """Somebody before one terminal."""

    terminals: Terminals

    def press(self, *keys: str) -> None:
        self.terminals.press("one", *keys)

    def sees(self, *texts: str) -> None:
        try:
            until(lambda: all(text in self.terminals.text("one") for text in texts), " and ".join(texts))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.terminals.text('one')}") from error


def review_and_save(person: Person, dataset: Path) -> None:
    person.sees("No runs yet")
    person.press("D")
    person.sees("Which songs?")
    person.press(str(dataset), "Enter")
    person.sees("2 songs", "190", "128", "!1")  # tempo and key from the table; the checks are done
    person.press("f")
    person.sees("missing-language", "row-without-song")
    person.press("x")
    person.sees("1 song that has it")
    person.press("Enter")
    person.sees("1 song mended")
    person.press("Escape")
    person.sees("enter Open")
    person.press("t")
    person.sees("Trigger tag")
    person.press("j", "Enter")
    person.sees("a word of its own", "╭")
    person.press("mytag", "Enter")
    person.sees("mytag, A high-energy")
    person.press("Escape")
    person.sees("enter Open")
    person.press("w")
    person.sees("Saved:")


def encode(person: Person, model: Path, output: Path) -> None:
    person.press("p")
    person.sees("Encode 2 songs with", "Another model …")
    person.press("Enter")
    person.sees("The folder of the model")
    person.press(str(model), "Enter")
    person.sees("Where the tensors go")
    person.press("C-u")  # Textual handles it after the letters that come in the same moment
    until(lambda: "/tensors/" not in person.terminals.text("one"), "the usual place is wiped out")
    person.press(str(output), "Enter")
    person.sees("✓ completed", "preprocess")


def test_from_the_folder_to_tensors_without_leaving_the_terminal(
    terminals: Terminals, dataset: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    person, output = Person(terminals), tmp_path / "tensors"
    terminals.start("one", *SIDESTEP)
    review_and_save(person, dataset)
    encode(person, tiny_checkpoint, output)
    person.press("Escape")
    person.sees("enter Open")
    person.press("Escape")
    person.sees("Press n to train on them")
    person.press("n")
    person.sees("Train an adapter", "Model 1/")
    person.press("n")
    person.sees("2 preprocessed songs")
    entries = {entry.key: entry for entry in read_manifest(output).songs}
    assert list(entries) == ["song1.mp3", "song2.wav"]
    assert "mytag, A high-energy J-pop track" in entries["song1.mp3"].prompt
    assert "- bpm: 190\n- timesignature: 4\n- keyscale: D major" in entries["song1.mp3"].prompt
    assert "en\n\n# Lyric\nEchoes dancing at my feet\nAll night long<" in entries["song2.wav"].lyrics
