"""False alarms and misses of the fingerprint on real songs: `python bench/fingerprints.py FOLDER…`.

Every song of the folders that is longer than half a minute is changed in several ways and looked for among all others.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from sidestep_tui.dataset.audio import SAMPLE_RATE, Waveform, read_audio, resample, write_audio
from sidestep_tui.dataset.fingerprint import Words, fingerprint, same_recordings
from sidestep_tui.dataset.scan import scan_folder

Change = Callable[[Waveform], Waveform]


def written(suffix: str, folder: Path, rate: int = SAMPLE_RATE) -> Change:
    def change(waveform: Waveform) -> Waveform:
        path = folder / f"song{suffix}"
        write_audio(path, waveform if rate == SAMPLE_RATE else resample(waveform, SAMPLE_RATE, rate), rate)
        return read_audio(path)

    return change


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    songs = [song for folder in parser.parse_args().folders for song in scan_folder(folder).songs if song.duration > 30]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        changes: dict[str, Change] = {
            "mp3": written(".mp3", folder),
            "ogg at 22 kHz": written(".ogg", folder, 22_050),
            "opus": written(".opus", folder),
            "12 dB quieter": lambda waveform: 0.25 * waveform,
            "3.77 s cut off": lambda waveform: waveform[:, int(3.77 * SAMPLE_RATE) :],
            "20 s cut off, mp3": lambda waveform: changes["mp3"](waveform[:, 20 * SAMPLE_RATE :]),
            "2.5 s of silence before": lambda waveform: np.pad(waveform, ((0, 0), (120_000, 0))),
        }
        prints: dict[str, Words] = {}
        started = time.process_time()
        for number, song in enumerate(songs):
            waveform = read_audio(song.audio_path, max_seconds=90)
            prints[f"{number}|original"] = fingerprint(waveform)
            for change, make in changes.items():
                prints[f"{number}|{change}"] = fingerprint(np.asarray(make(waveform), dtype=np.float32))
    made = time.process_time() - started
    started = time.process_time()
    found = same_recordings(prints)
    report(len(songs), list(changes), found)
    print(f"CPU: {made:.0f} s for decoding and fingerprints, {time.process_time() - started:.1f} s for all comparisons")


def report(songs: int, changes: list[str], found: list[tuple[str, str, float]]) -> None:
    pairs = [(one.split("|"), other.split("|"), share) for one, other, share in found]
    false = [(one, other, share) for one, other, share in pairs if one[0] != other[0]]
    for change in changes:
        shares = [
            share for one, other, share in pairs
            if one[0] == other[0] and {one[1], other[1]} == {"original", change}
        ]  # fmt: skip
        worst = f", at most {max(shares):.1%} of the bits differ" if shares else ""
        print(f"{change}: {songs - len(shares)} of {songs} missed{worst}")
    variants = songs * (len(changes) + 1)
    different = variants * (variants - 1) // 2 - songs * (len(changes) + 1) * len(changes) // 2
    names = sorted({(one[0], other[0], round(share, 2)) for one, other, share in false})
    print(f"false alarms: {len(false)} of {different} pairs of different songs {names}")


if __name__ == "__main__":
    main()
