"""What holding or streaming a set costs: resident memory, and how many samples a second a run could be given.

    python -m bench.residence

Two thousand songs of a minute as files; one epoch of crops is drawn in a process of its own for each residence.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import torch
from safetensors.torch import save_file

from bench.common import describe_machine, print_table
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.config.train import Residence
from sidestep_tui.engine.data.batches import Drawing, collate, draw_sample
from sidestep_tui.engine.data.manifest import SongEntry, song_file
from sidestep_tui.engine.data.store import SongStore, stored_bytes
from sidestep_tui.engine.data.tensors import SharedTensors

_MEBI = 2**20
_TOKENS, _WIDTH = 100, 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=2000)
    parser.add_argument("--frames", type=int, default=1500, help="latent frames of each song, 25 a second")
    parser.add_argument("--crop", type=int, default=250, help="latent frames of a crop")
    parser.add_argument("--measure", nargs=2, metavar=("RESIDENCE", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    songs = [_entry(number, options.frames) for number in range(options.songs)]
    if options.measure:
        print(*_measure(Path(options.measure[1]), songs, options.measure[0], options.crop))
        return
    print(describe_machine(torch.device("cpu")))
    print(f"{len(songs)} songs, {stored_bytes(songs, _WIDTH) / _MEBI:.0f} MiB")
    with tempfile.TemporaryDirectory() as name:
        _write(Path(name), songs)
        rows = []
        for residence in ("stream", "memory"):
            command = [sys.executable, "-m", "bench.residence", *sys.argv[1:], "--measure", residence, name]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            rows.append([residence, *printed.split()])
    print_table(["residence", "grown MiB", "first epoch, samples/s", "second epoch, samples/s"], rows)


def _measure(folder: Path, songs: list[SongEntry], residence: Residence, crop: int) -> tuple[str, ...]:
    """Growth of this process's own memory over two epochs, and the samples a second of each."""
    process = psutil.Process()
    store = SongStore(folder, songs, _WIDTH, residence)
    drawing = Drawing(0, ObjectiveSettings(), -0.4, 1.0, crop, fresh_latents=True)
    shared = SharedTensors(silence_latent=torch.zeros(crop, 64), null_condition=torch.zeros(1, _WIDTH))
    collate([draw_sample(drawing, 0, songs[0].key, store.get(songs[0]), shared["null_condition"])], shared)
    before, rates = process.memory_full_info().uss, []
    for epoch in range(2):
        began = time.perf_counter()
        for song in songs:
            collate([draw_sample(drawing, epoch, song.key, store.get(song), shared["null_condition"])], shared)
        rates.append(len(songs) / (time.perf_counter() - began))
    grown = process.memory_full_info().uss - before
    return f"{grown / _MEBI:.0f}", *(f"{rate:.0f}" for rate in rates)


def _entry(number: int, frames: int) -> SongEntry:
    key = f"song {number}.wav"
    return SongEntry(key, song_file(key), frames, _TOKENS, str(number), frames / 25, "", "")


def _write(folder: Path, songs: list[SongEntry]) -> None:
    (folder / "songs").mkdir()
    latents = torch.randn(songs[0].frames, 64)
    tensors = {"latent_mean": latents, "latent_std": latents.abs(), "condition": torch.randn(_TOKENS, _WIDTH)}
    for song in songs:
        save_file(tensors, folder / song.file)


if __name__ == "__main__":
    main()
