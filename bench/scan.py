"""How long a folder of thousands of songs takes to scan, first and again: `python bench/scan.py --files 10000`.

The songs are two seconds of WAV and MP3 with lyrics, captions and JSON beside them. CPU time counts every process that
the scan starts; on a machine that does other work at the same time, it is the figure to compare.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.dataset.scan import scan_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    count = parser.parse_args().files
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "songs"
        os.environ["SIDESTEP_HOME"] = name
        make_songs(root, count)
        for label in ("first", "again"):
            wall, cpu = time.monotonic(), _cpu()
            songs = len(scan_folder(root).songs)
            print(f"{label}: {songs} songs, {time.monotonic() - wall:.1f} s, {_cpu() - cpu:.1f} s of CPU", flush=True)


def make_songs(root: Path, count: int) -> None:
    time_axis = np.arange(2 * 44_100) / 44_100
    wave = np.stack([0.3 * np.sin(2 * np.pi * 220 * time_axis)] * 2).astype(np.float32)
    contents = {}
    for suffix in (".wav", ".mp3"):
        write_audio(root / f"model{suffix}", wave, 44_100)
        contents[suffix] = (root / f"model{suffix}").read_bytes()
        (root / f"model{suffix}").unlink()
    for index in range(count):
        folder = root / f"disc {index // 100:03d}"
        folder.mkdir(exist_ok=True)
        suffix = (".wav", ".mp3")[index % 2]
        (folder / f"{index:05d}{suffix}").write_bytes(contents[suffix])
        (folder / f"{index:05d}.lyrics.txt").write_text(f"[Verse]\nline {index}\n")
        (folder / f"{index:05d}.json").write_text(json.dumps({"caption": f"song {index}", "bpm": 60 + index % 120}))


def _cpu() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


if __name__ == "__main__":
    main()
