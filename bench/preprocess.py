"""How many times faster than it plays music is encoded: decoding ahead of the encoder against one after the other.

    python -m bench.preprocess                      # the built-in tiny model on the CPU
    python -m bench.preprocess --true-size --device cuda --dtype bfloat16 --songs 13 --seconds 240

Songs of noise and tones as MP3 at 44.1 kHz, so that decoding and resampling are what they are for most people. Both
sides decode, resample and encode the same files with the same model in one process, in turns; texts, whose time is
small and the same on both sides, are left out.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderOobleck

from bench.common import alternate, describe_machine, print_table, ratio_of, seconds_of
from bench.runs import build_model
from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.acestep.vae import encode_audio, use_one_buffer
from sidestep_tui.dataset.audio import SAMPLE_RATE, read_audio, write_audio
from sidestep_tui.engine.prefetch import prefetch

RATE = 44_100


def main() -> None:
    options = parse_arguments()
    device, dtype = torch.device(options.device), getattr(torch, options.dtype)
    with tempfile.TemporaryDirectory() as name:
        vae = make_vae(options, Path(name)).to(device, dtype)
        songs = write_songs(Path(name) / "songs", options.songs, options.seconds)
        sides = {
            "one after the other": in_turns(vae, songs, options.tile_seconds),
            "decoded ahead": ahead(vae, songs, options.tile_seconds),
            "decoding alone": lambda: [read_audio(song, SAMPLE_RATE) for song in songs],
        }
        timings = alternate(sides, options.repeats, device)
    audio = options.songs * options.seconds
    print(f"{describe_machine(device)}\n{options.songs} songs of {options.seconds:g} s, {options.dtype}\n")
    plain = timings["one after the other"]
    rows = [
        [side, seconds_of(timing), f"{audio / timing.median:.2f}×", ratio_of(plain, timing)]
        for side, timing in timings.items()
    ]
    print_table(["side", "time", "real time", "ratio"], rows)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--true-size", action="store_true", help="random weights in the sizes of the published VAE")
    parser.add_argument("--songs", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--tile-seconds", type=float, default=30.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    return parser.parse_args()


def make_vae(options: argparse.Namespace, folder: Path) -> AutoencoderOobleck:
    """The VAE of a model folder, one of the published size with random weights, or the tiny model's."""
    if not options.true_size:
        return open_checkpoint(options.model or build_model(folder)).load_vae("cpu", torch.float32)
    vae = AutoencoderOobleck(downsampling_ratios=[2, 4, 4, 6, 10], sampling_rate=SAMPLE_RATE).requires_grad_(False)
    use_one_buffer(vae)
    return vae.eval()


def write_songs(folder: Path, count: int, seconds: float) -> list[Path]:
    draw = np.random.default_rng(0)
    time = np.arange(int(seconds * RATE)) / RATE
    paths = []
    for index in range(count):
        tone = 0.3 * np.sin(2 * np.pi * 110 * (index + 2) * time)
        paths.append(folder / f"song {index}.mp3")
        noise = 0.05 * draw.standard_normal((2, len(time)))
        write_audio(paths[-1], (tone + noise).astype(np.float32), RATE)
    return paths


def in_turns(vae: AutoencoderOobleck, songs: list[Path], tile_seconds: float) -> Callable[[], None]:
    def work() -> None:
        for song in songs:
            encode_audio(vae, torch.from_numpy(read_audio(song, SAMPLE_RATE)), tile_seconds)

    return work


def ahead(vae: AutoencoderOobleck, songs: list[Path], tile_seconds: float) -> Callable[[], None]:
    """As `engine/preprocess/audio.py` does it: a thread decodes two songs ahead."""

    def work() -> None:
        for waveform in prefetch(lambda song: read_audio(song, SAMPLE_RATE), iter(songs)):
            encode_audio(vae, torch.from_numpy(waveform), tile_seconds)

    return work


if __name__ == "__main__":
    main()
