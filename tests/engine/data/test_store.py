"""Where songs live decides how fast a sample is made, never what is in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file

from sidestep_tui.config.fields import put
from sidestep_tui.config.train import Residence
from sidestep_tui.engine.data.manifest import SongEntry, read_manifest
from sidestep_tui.engine.data.store import HeldSong, SongStore, StreamedSong, stored_bytes
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.events import StepCompleted, ValidationCompleted
from sidestep_tui.runs.log import read_events

RESIDENCES: tuple[Residence, ...] = ("memory", "device")


@pytest.mark.parametrize("residence", ["device", "stream"])
def test_residence_changes_no_bit_of_a_run(engine: Any, train_document: dict[str, Any], residence: str) -> None:
    document = put(train_document, "data.crop_seconds", 1.5)
    results = []
    for name in ("memory", residence):
        run, _ = engine.run(name, "train", put(document, "data.residence", name))
        events = list(read_events(run.events_file))
        steps = [event.losses for event in events if isinstance(event, StepCompleted)]
        measured = [event.songs for event in events if isinstance(event, ValidationCompleted)]
        results.append((steps, measured, load_file(run.final / "adapter_model.safetensors")))
    (steps, measured, held), (streamed_steps, streamed_measured, streamed) = results
    assert steps == streamed_steps
    assert measured == streamed_measured
    assert held.keys() == streamed.keys()
    assert all(torch.equal(held[name], streamed[name]) for name in held)


def test_auto_streams_what_is_too_large_for_the_free_memory(songs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = read_manifest(songs)

    def kind() -> type:
        return type(SongStore(songs, manifest.songs, manifest.condition_size).get(manifest.songs[0]))

    size = stored_bytes(manifest.songs, manifest.condition_size)
    assert size == sum(tensor.nbytes for song in manifest.songs for tensor in load_file(songs / song.file).values())
    for share, wanted in ((0.24, HeldSong), (0.26, StreamedSong)):
        free = psutil.virtual_memory()._replace(available=round(size / share))
        monkeypatch.setattr(psutil, "virtual_memory", lambda free=free: free)
        assert kind() is wanted


def test_a_held_song_does_not_go_to_the_disk_again(songs: Path) -> None:
    manifest, device = read_manifest(songs), torch.device("meta")
    song, moved = (
        SongStore(songs, manifest.songs, manifest.condition_size, residence, device).get(manifest.songs[0])
        for residence in RESIDENCES
    )
    assert [one.latents(0, 1)[0].device.type for one in (song, moved)] == ["cpu", "meta"]
    before = song.latents(0, 10)[0].clone()
    with (songs / manifest.songs[0].file).open("r+b") as file:
        file.write(bytes((songs / manifest.songs[0].file).stat().st_size))
    assert torch.equal(song.latents(0, 10)[0], before)


def test_a_crop_of_a_streamed_song_reads_only_its_bytes(tmp_path: Path) -> None:
    frames = 300_000
    entry = SongEntry("long.wav", "long.safetensors", frames, 2, "hash", frames / 25, "", "")
    latents = torch.arange(frames, dtype=torch.float32)[:, None].expand(-1, 64).contiguous()
    tensors = {"latent_mean": latents, "latent_std": latents + 1, "condition": torch.zeros(2, 8)}
    save_file(tensors, tmp_path / entry.file)
    del tensors, latents

    def grown(read: Callable[[], object]) -> int:
        before = psutil.Process().memory_info().rss
        kept = read()
        after = psutil.Process().memory_info().rss
        del kept
        return after - before

    song = SongStore(tmp_path, [entry], 8, "stream").get(entry)
    assert grown(lambda: song.latents(200_000, 201_500)) < 20_000_000
    held = SongStore(tmp_path, [entry], 8, "memory").get(entry)
    assert isinstance(held, HeldSong)
    assert sum(tensor.untyped_storage().nbytes() for tensor in held.tensors.values()) > 150_000_000
    mean, std = song.latents(200_000, 201_500)
    assert mean[0, 0].item() == 200_000
    assert std[-1, 5].item() == 201_500
    assert mean.untyped_storage().nbytes() == 1500 * 64 * 4  # a copy: the file may change or go


def test_a_streamed_song_that_changed_or_is_damaged_is_named(songs: Path) -> None:
    manifest = read_manifest(songs)
    entry = manifest.songs[0]
    song = SongStore(songs, manifest.songs, manifest.condition_size, "stream").get(entry)
    whole = load_file(songs / entry.file)
    save_file({**whole, "latent_mean": whole["latent_mean"][:-1]}, songs / entry.file)
    with pytest.raises(SidestepError, match=r"song 0.wav.*not those of the manifest"):
        song.latents(0, 10)
    whole["latent_mean"][5] = float("nan")
    save_file(whole, songs / entry.file)
    with pytest.raises(SidestepError, match=r"song 0.wav.*latent_mean"):
        song.latents(0, 10)
    assert torch.isfinite(song.latents(6, 10)[0]).all()
    (songs / entry.file).unlink()
    with pytest.raises(SidestepError, match=r"song 0.wav.*cannot be read"):
        song.condition("condition")
