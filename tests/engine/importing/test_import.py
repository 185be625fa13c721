"""Tensors of other trainers: taken over where they are sound, refused where the song leaked into its own context."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.acestep.conditioning import TextStates, encode_states
from sidestep_tui.dataset.prompts import SongFields, read_prompts
from sidestep_tui.engine.data.manifest import read_manifest
from sidestep_tui.engine.data.tensors import read_all, read_shared
from sidestep_tui.engine.importing.samples import find_samples, read_foreign
from sidestep_tui.errors import SidestepError
from tests.engine.conftest import Engine


@pytest.fixture
def foreign(reference_folder: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "foreign"
    shutil.copytree(reference_folder / "samples", folder)
    return folder


def _document(turbo: Path, foreign: Path, output: Path) -> dict[str, Any]:
    return {"model": {"checkpoint": str(turbo)}, "source": str(foreign), "output": str(output)}


def _change(file: Path, **changes: Any) -> None:
    torch.save({**torch.load(file, weights_only=True), **changes}, file)


def test_samples_are_taken_over_and_trained_on(
    engine: Engine, turbo: Path, foreign: Path, tmp_path: Path, train_document: dict[str, Any]
) -> None:
    sample = torch.load(foreign / "s0.pt", weights_only=True)
    mask = sample["encoder_attention_mask"].clone()
    mask[10:] = False
    _change(foreign / "s0.pt", encoder_attention_mask=mask)
    (foreign / "unfinished.tmp.pt").write_bytes(b"half")
    manifest_file = foreign / "manifest.json"
    document = json.loads(manifest_file.read_text())
    document["samples"] = ["gone/away/s0.pt", str(foreign / "s1.pt"), "s2.pt", "s3.pt", "missing.pt"]
    manifest_file.write_text(json.dumps(document))
    _, state = engine.run("import", "import", _document(turbo, foreign, tmp_path / "taken"))
    manifest = read_manifest(tmp_path / "taken")
    assert len(manifest.songs) == 4
    first = next(song for song in manifest.songs if song.key.startswith("s0/"))
    assert (first.frames, first.condition_tokens) == (200, 10)
    tensors = read_all(tmp_path / "taken", first)
    torch.testing.assert_close(tensors["latent_mean"], sample["target_latents"])
    torch.testing.assert_close(tensors["condition"], sample["encoder_hidden_states"][:10])
    assert any("padding" in warning.what for warning in state.warnings)
    assert [warning.where for warning in state.warnings if "not there" in warning.what] == ["missing.pt"]
    shutil.move(tmp_path / "taken", tmp_path / "moved")
    train_document["data"] = {"tensors": str(tmp_path / "moved")}
    _, state = engine.run("trained", "train", {**train_document, "training": {"max_steps": 2}})
    assert state.plan is not None
    assert (state.plan.total_steps, state.plan.epochs) == (2, 1)  # of a hundred that the settings allow


def test_samples_can_be_told_all_that_the_imported_songs_were_told(
    engine: Engine, turbo: Path, foreign: Path, tmp_path: Path
) -> None:
    """With the trigger tag above all, without which nothing of what was learned is heard."""
    said = {"caption": "slow piano", "lyrics": "la la", "language": "English", "bpm": "96", "keyscale": "Em"}
    _change(foreign / "s0.pt", metadata={**said, "timesignature": "3/4", "genre": 7, "filename": "a.wav"})
    document = json.loads((foreign / "manifest.json").read_text())
    document["metadata"] |= {"custom_tag": "mystyle", "tag_position": "prepend"}
    (foreign / "manifest.json").write_text(json.dumps(document))
    engine.run("import", "import", _document(turbo, foreign, tmp_path / "taken"))
    entry = next(song for song in read_manifest(tmp_path / "taken").songs if song.key == "s0/a.wav")
    assert read_prompts(entry.prompt, entry.lyrics) == SongFields(
        "mystyle, slow piano", 8.0, "la la", "en", 96, "E minor", "3"
    )


def test_padded_frames_are_dropped_and_what_all_songs_share_is_the_models_own(
    engine: Engine, turbo: Path, foreign: Path, tmp_path: Path
) -> None:
    sample = torch.load(foreign / "s1.pt", weights_only=True)
    mask = torch.ones(len(sample["target_latents"]))
    mask[-7:] = 0
    _change(foreign / "s1.pt", attention_mask=mask)
    _, state = engine.run("import", "import", _document(turbo, foreign, tmp_path / "taken"))
    entry = next(song for song in read_manifest(tmp_path / "taken").songs if song.key.startswith("s1/"))
    tensors = read_all(tmp_path / "taken", entry)
    torch.testing.assert_close(tensors["latent_mean"], sample["target_latents"][:-7])
    assert not tensors["latent_std"].any()
    assert any("7 latent frames are padding" in warning.what for warning in state.warnings)
    checkpoint, shared = open_checkpoint(turbo), read_shared(tmp_path / "taken")
    encoder = checkpoint.load_condition_encoder("cpu", torch.float32)
    torch.testing.assert_close(shared["silence_latent"], checkpoint.silence_latent())
    torch.testing.assert_close(shared["null_condition"], encoder.null_condition_emb[0])


@pytest.mark.parametrize("model", ["turbo", "xl-turbo"])
@pytest.mark.parametrize(("reference", "warned"), [(1, True), (750, True), (None, False)], ids=["1", "750", "silence"])
def test_a_timbre_reference_of_zeros_is_told(
    engine: Engine,
    reference_checkpoint: Callable[[str], Path],
    foreign: Path,
    tmp_path: Path,
    model: str,
    reference: int | None,
    warned: bool,
) -> None:
    folder = reference_checkpoint(f"acestep-v15-{model}")
    checkpoint = open_checkpoint(folder)
    encoder = checkpoint.load_condition_encoder("cpu", torch.float32)
    heard = checkpoint.silence_latent() if reference is None else torch.zeros(reference, 64)
    states = TextStates(torch.randn(5, 32), torch.randn(4, 32))
    condition = encode_states(encoder, states, heard, 750).to(torch.bfloat16)
    mask = torch.ones(len(condition), dtype=torch.bool)
    for file in foreign.glob("*.pt"):
        _change(file, encoder_hidden_states=condition, encoder_attention_mask=mask)
    _, state = engine.run("import", "import", _document(folder, foreign, tmp_path / "taken"))
    assert any("timbre" in warning.what for warning in state.warnings) is warned


def test_unfinished_samples_are_passed_over_where_no_list_names_the_finished_ones(foreign: Path) -> None:
    (foreign / "manifest.json").unlink()
    (foreign / "unfinished.tmp.pt").write_bytes(b"half")
    assert [file.name for file in find_samples(foreign)[0]] == ["s0.pt", "s1.pt", "s2.pt", "s3.pt"]


def test_samples_of_one_name_in_two_folders_stay_two_songs(
    engine: Engine, turbo: Path, foreign: Path, tmp_path: Path
) -> None:
    for place in ("album", "live"):
        (foreign / place).mkdir()
        sample = torch.load(foreign / "s0.pt", weights_only=True)
        latents = sample["target_latents"] + len(place)
        torch.save({**sample, "target_latents": latents}, foreign / place / "song.pt")
    listed = ["album/song.pt", "live/song.pt", str(foreign / "live" / "song.pt")]
    (foreign / "manifest.json").write_text(json.dumps({"samples": listed}))
    engine.run("import", "import", _document(turbo, foreign, tmp_path / "taken"))
    songs = read_manifest(tmp_path / "taken").songs
    name = sample["metadata"]["filename"]
    assert [song.key for song in songs] == [f"song/{name}", f"live/song/{name}"], "each once, also if listed twice"
    means = [read_all(tmp_path / "taken", song)["latent_mean"] for song in songs]
    torch.testing.assert_close(means[1] - means[0], torch.full_like(means[0], -1.0))


def test_a_song_in_its_own_context_is_refused(engine: Engine, turbo: Path, foreign: Path, tmp_path: Path) -> None:
    for name in ("s0.pt", "s1.pt", "s2.pt"):
        sample = torch.load(foreign / name, weights_only=True)
        leaked = torch.cat([sample["target_latents"], sample["context_latents"][:, 64:]], dim=-1)
        _change(foreign / name, context_latents=leaked)
    sample = torch.load(foreign / "s3.pt", weights_only=True)
    _change(foreign / "s3.pt", metadata={**sample["metadata"], "preprocess_mode": "lokr"})
    code, state = engine.work(engine.create("import", "import", _document(turbo, foreign, tmp_path / "taken")))
    assert code == 1
    assert state.failure is not None
    assert "copying" in state.failure.what
    assert not (tmp_path / "taken" / "manifest.json").exists()


@pytest.mark.parametrize("damage", ["truncated", "other model", "pickle"])
def test_damaged_samples_are_named_and_the_rest_goes_on(
    engine: Engine, turbo: Path, foreign: Path, tmp_path: Path, damage: str
) -> None:
    if damage == "truncated":
        (foreign / "s1.pt").write_bytes((foreign / "s1.pt").read_bytes()[:500])
    elif damage == "pickle":
        torch.save({"target_latents": Path("x")}, foreign / "s1.pt")
    else:
        _change(foreign / "s1.pt", encoder_hidden_states=torch.randn(60, 32))
    _, state = engine.run("import", "import", _document(turbo, foreign, tmp_path / "taken"))
    assert (state.results["songs"], state.results["failed"]) == (3, 1)
    assert any(warning.where.endswith("s1.pt") for warning in state.warnings)


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        ({"target_latents": torch.randn(200, 32)}, "latents are"),
        ({"target_latents": torch.full((200, 64), float("nan"))}, "Not a number"),
        ({"encoder_hidden_states": torch.full((60, 64), float("inf"))}, "Not a number"),
        ({"encoder_attention_mask": torch.ones(7, dtype=torch.bool)}, "mask"),
        ({"attention_mask": torch.ones(7)}, "mask"),
        ({"encoder_attention_mask": torch.zeros(60, dtype=torch.bool)}, "empty"),
        ({"attention_mask": torch.zeros(200)}, "empty"),
        ({"metadata": "words"}, "cannot be read"),
        ({"metadata": {"repeat": "often"}}, "cannot be read"),
    ],
)
def test_a_sample_that_could_not_be_trained_on_is_named_now(
    turbo: Path, foreign: Path, damage: dict[str, Any], word: str
) -> None:
    file = foreign / "s0.pt"
    read_foreign(file, 64)
    _change(file, **damage)
    with pytest.raises(SidestepError, match=word) as caught:
        read_foreign(file, 64)
    assert caught.value.where
    assert caught.value.fix


@pytest.mark.parametrize("context", [torch.ones(200), torch.ones(200, 30), torch.tensor(1.0)])
def test_a_context_of_another_form_is_no_leak(foreign: Path, context: torch.Tensor) -> None:
    _change(foreign / "s0.pt", context_latents=context)
    assert len(read_foreign(foreign / "s0.pt", 64).latents) == 200


def test_a_manifest_that_lists_nothing_is_passed_over(foreign: Path) -> None:
    (foreign / "manifest.json").write_text('{"samples": 4}')
    assert [file.name for file in find_samples(foreign)[0]] == ["s0.pt", "s1.pt", "s2.pt", "s3.pt"]


def test_a_folder_without_samples_says_so(engine: Engine, turbo: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, state = engine.work(engine.create("import", "import", _document(turbo, tmp_path / "empty", tmp_path / "t")))
    assert code == 1
    assert state.failure is not None
    assert ".pt" in state.failure.fix
