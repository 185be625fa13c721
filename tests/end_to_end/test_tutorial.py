"""ACE-Step's own tutorial in one terminal: its folder, looked through, corrected, saved, and encoded to tensors."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.engine.tensors import read_manifest

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


def test_from_the_folder_to_tensors_without_leaving_the_terminal(
    terminals: Terminals, dataset: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    output = tmp_path / "tensors"

    def seen(*texts: str) -> None:
        try:
            until(lambda: all(text in terminals.text("one") for text in texts), " and ".join(texts))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{terminals.text('one')}") from error

    def press(*keys: str) -> None:
        terminals.press("one", *keys)

    terminals.start("one", *SIDESTEP)
    seen("No runs yet")
    press("D")
    seen("Which songs?")
    press(str(dataset), "Enter")
    seen("2 songs", "190", "128", "!1")  # tempo and key from the table; the checks are done
    press("f")
    seen("missing-language", "row-without-song")
    press("x")
    seen("1 song that have it")
    press("Enter")
    seen("1 song mended")
    press("Escape")
    seen("enter Open")
    press("t")
    seen("Trigger tag")
    press("j", "Enter")
    seen("a word of its own", "╭")
    press("mytag", "Enter")
    seen("mytag, A high-energy")
    press("Escape")
    seen("enter Open")
    press("w")
    seen("Saved:")
    press("p")
    seen("Encode 2 songs with", "Another model …")
    press("Enter")
    seen("The folder of the model")
    press(str(tiny_checkpoint), "Enter")
    seen("Where the tensors go")
    press("C-u")  # Textual handles it after the letters that come in the same moment
    until(lambda: "/tensors/" not in terminals.text("one"), "the usual place is wiped out")
    press(str(output), "Enter")
    seen("✓ completed", "preprocess")
    press("Escape")
    seen("enter Open")
    press("Escape")
    seen("Press n to train on them")
    press("n")
    seen("Train an adapter", "Model 1/")
    press("n")
    seen("2 preprocessed songs")
    entries = {entry.key: entry for entry in read_manifest(output).songs}
    assert list(entries) == ["song1.mp3", "song2.wav"]
    assert "mytag, A high-energy J-pop track" in entries["song1.mp3"].prompt
    assert "- bpm: 190\n- timesignature: 4\n- keyscale: D major" in entries["song1.mp3"].prompt
    assert "en\n\n# Lyric\nEchoes dancing at my feet\nAll night long<" in entries["song2.wav"].lyrics
