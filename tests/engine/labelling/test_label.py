"""Labelling as a run: proposals on the disk, per-song failures, local models of the Qwen2.5-Omni architecture."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.dataset.proposals import Proposals, still_missing
from sidestep_tui.dataset.session import load_dataset, open_session
from sidestep_tui.dataset.song import Source
from sidestep_tui.engine.labelling import words as label_words
from sidestep_tui.engine.labelling.omni import audio_tokens, read_transcript
from tests.dataset.loopback import KEY, serving

RATE = 48_000
_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|audio_bos|>", "<|AUDIO|>", "<|audio_eos|>")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two songs with a beat, and one that breaks when it is decoded."""
    songs = tmp_path / "songs"
    time = np.arange(8 * RATE) / RATE
    for name, pitch in (("a", 220.0), ("b", 330.0)):
        wave = 0.4 * np.sin(2 * np.pi * pitch * time) * np.exp(-8 * (time % 0.5))
        write_audio(songs / f"{name}.wav", np.stack([wave, wave]).astype(np.float32))
    (songs / "b.json").write_text('{"bpm": 77}')
    return songs


@pytest.fixture
def omni(tmp_path: Path) -> Path:
    """A Qwen2.5-Omni thinker with random weights, small enough for a moment."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        PreTrainedTokenizerFast,
        Qwen2_5OmniThinkerConfig,
        Qwen2_5OmniThinkerForConditionalGeneration,
        WhisperFeatureExtractor,
    )

    path = tmp_path / "tiny-captioner"
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {word: index for index, word in enumerate([*letters, *_SPECIAL])}
    tokenizer = Tokenizer(models.BPE(vocab=words, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens={"audio_token": "<|AUDIO|>"},
        additional_special_tokens=list(_SPECIAL),
    )
    fast.save_pretrained(path)
    WhisperFeatureExtractor(feature_size=16, chunk_length=30).save_pretrained(path)
    torch.manual_seed(0)
    rope = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 1, 1]}
    config = Qwen2_5OmniThinkerConfig(
        audio_config={
            "num_mel_bins": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 16,
            "d_model": 16, "output_dim": 16, "n_window": 50,
        },
        vision_config={
            "depth": 1, "hidden_size": 16, "num_heads": 2, "intermediate_size": 16, "out_hidden_size": 16,
            "fullatt_block_indexes": [0],
        },
        text_config={
            "vocab_size": len(words), "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
            "num_attention_heads": 2, "num_key_value_heads": 1, "rope_parameters": rope, "bos_token_id": None,
            "eos_token_id": words["<|im_end|>"], "pad_token_id": words["<|endoftext|>"],
        },
        audio_token_index=words["<|AUDIO|>"],
        audio_start_token_id=words["<|audio_bos|>"],
        audio_end_token_id=words["<|audio_eos|>"],
        vision_start_token_id=len(words) + 3,
        image_token_index=len(words) + 1,
        video_token_index=len(words) + 2,
    )  # fmt: skip
    Qwen2_5OmniThinkerForConditionalGeneration(config).save_pretrained(path)
    return path


def test_songs_that_are_not_there_are_named(engine: Any, folder: Path) -> None:
    document = {"dataset": str(folder), "fields": ["bpm"], "songs": ["c.wav"]}
    code, state = engine.work(engine.create("none", "label", document))
    assert (code, state.failure.where) == (1, "c.wav")
    _, state = engine.run("one", "label", document | {"songs": ["a.wav", "c.wav"]})
    assert (state.results["songs"], [warning.where for warning in state.warnings]) == (1, ["c.wav"])


def test_the_sound_gives_proposals_and_touches_no_journal(engine: Any, folder: Path) -> None:
    run, state = engine.run("label", "label", {"dataset": str(folder), "fields": ["bpm", "keyscale"]})
    assert (state.results["songs"], state.results["failed"]) == (2, 0)
    proposals = Proposals(run.path)
    by_key = {edit.keys: edit for edit in proposals.waiting()}
    assert by_key[("a.wav",)].source is Source.GUESSED
    assert "bpm" not in by_key.get(("b.wav",), by_key[("a.wav",)]).changes or ("b.wav",) not in by_key
    assert load_dataset(folder).songs[0].bpm is None
    session = open_session(folder)
    session.edit(["a.wav"], {"keyscale": "C major"})
    edits = still_missing(session.dataset, proposals.waiting())
    assert {name for edit in edits for name in edit.changes if edit.keys == ("a.wav",)} == {"bpm"}
    session.apply_all(edits)
    proposals.take(len(proposals.waiting()))
    song = session.dataset.by_key()["a.wav"]
    assert song.bpm in (120, 60, 240)
    assert song.beliefs["bpm"].confidence is not None
    assert Proposals(run.path).waiting() == []


def test_an_interrupted_run_goes_on_with_the_songs_that_are_left(engine: Any, folder: Path) -> None:
    run, _ = engine.run("label", "label", {"dataset": str(folder)})
    first = Proposals(run.path).all()
    with (run.path / "proposals.jsonl").open("a") as file:
        file.write('{"torn')
    engine.work(run)
    assert Proposals(run.path).all() == first


def test_a_song_that_cannot_be_read_is_named_and_the_rest_goes_on(
    engine: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_dataset(folder)
    (folder / "a.wav").write_bytes((folder / "a.wav").read_bytes()[:60])
    run, _ = engine.run("label", "label", {"dataset": str(folder), "fields": ["bpm", "keyscale"]})
    assert [edit.keys for edit in Proposals(run.path).all()] == [("b.wav",)]


def test_without_a_key_the_run_says_which(engine: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    run = engine.create("label", "label", {"dataset": str(folder), "by": "gemini"})
    code, state = engine.work(run)
    assert code != 0
    assert "GEMINI_API_KEY" in json.dumps([state.failure.what, state.failure.where, state.failure.fix])


def test_what_a_provider_says_is_kept_and_its_key_is_not(
    engine: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in settings, events, log nor proposals, and not even where the server repeats it in an error."""
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    said = {"candidates": [{"content": {"parts": [{"text": '{"caption": "slow waltz", "confidence": 0.8}'}]}}],
            "usageMetadata": {"promptTokenCount": 900, "candidatesTokenCount": 40}}  # fmt: skip
    settings = {"dataset": str(folder), "by": "gemini", "fields": ["caption"], "per_minute": 6000}
    with serving() as server:
        server.will_answer({"error": f"{KEY} is used up"}, status=400)
        server.will_answer(said)
        run, state = engine.run("label", "label", {**settings, "base_url": server.url})
        assert all(one.headers["x-goog-api-key"] == KEY for one in server.asked)
    assert [edit.changes for edit in Proposals(run.path).all()] == [{"caption": "slow waltz"}]
    assert any("***" in warning.what for warning in state.warnings)
    assert state.results["failed"] == 1
    files = [file for file in run.path.rglob("*") if file.is_file()]
    assert files
    assert not any(KEY.encode() in file.read_bytes() for file in files)


def test_a_local_model_is_heard_to_its_end_or_not_at_all(
    engine: Any, folder: Path, omni: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random weights come to no end; with the end made likely, the words and their probability are kept."""
    document = {"dataset": str(folder), "by": "local", "captioner": str(omni), "longest_answer": 16, "device": "cpu"}
    run, state = engine.run("endless", "label", document)
    assert (state.results["failed"], Proposals(run.path).all()) == (2, [])
    assert "no end within 16 tokens" in state.warnings[0].what
    _end_after(monkeypatch, 5)
    run, state = engine.run("ended", "label", document)
    edits = Proposals(run.path).all()
    assert [edit.keys for edit in edits] == [("a.wav",), ("b.wav",)]
    assert all(edit.source is Source.PROVIDER and set(edit.changes) == {"caption"} for edit in edits)
    assert edits[0].beliefs["caption"].by == "tiny-captioner"
    assert 0 < (edits[0].beliefs["caption"].confidence or 0) <= 1
    assert state.results["failed"] == 0


def test_a_run_that_was_cut_between_two_models_still_asks_the_second(
    engine: Any, folder: Path, omni: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _end_after(monkeypatch, 5)
    models = {"captioner": str(omni), "transcriber": str(omni), "longest_answer": 16}
    run, state = engine.run("cut", "label", {"dataset": str(folder), "by": "local", "device": "cpu", **models})
    assert (state.progress.done, state.progress.total, state.results["songs"]) == (4, 4, 4)
    file = run.path / "proposals.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    assert [sorted(edit.changes) for edit in Proposals(run.path).all()] == [["caption"]] * 2 + [["lyrics"]] * 2
    file.write_bytes(b"".join(lines[:3]))  # both captions and one song's lyrics
    engine.work(run)
    assert file.read_bytes().splitlines(keepends=True) == lines


def _end_after(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """The model says `count` letters and ends."""
    wrapped = label_words._Belief.__call__

    def call(self: Any, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        letter, end = 65, 256 + _SPECIAL.index("<|im_end|>")
        said = self._count
        scores = torch.full_like(scores, -10.0)
        scores[:, end if said == count else letter + said] = 0.0
        return wrapped(self, input_ids, scores)

    monkeypatch.setattr(label_words._Belief, "__call__", call)


def test_a_folder_that_is_no_model_is_named(engine: Any, folder: Path) -> None:
    run = engine.create("label", "label", {"dataset": str(folder), "by": "local", "transcriber": str(folder)})
    code, state = engine.work(run)
    assert code != 0
    assert "no Qwen2.5-Omni model" in state.failure.what


def test_the_transcribers_answer_is_taken_apart() -> None:
    text = "# Languages\nen\n\n# Lyrics\n[Verse 1]\nsnow on the river\n[Chorus]\nhold"
    assert read_transcript(text) == {"language": "en", "lyrics": "[Verse 1]\nsnow on the river\n[Chorus]\nhold"}
    assert read_transcript("la la\nla") == {"lyrics": "la la\nla"}
    assert read_transcript("# Languages\nxx\n\n# Lyrics\n") == {}


def test_audio_tokens_are_those_that_the_encoder_gives() -> None:
    """30 s of mel frames at 100 a second become 750 tokens, 25 a second."""
    assert (audio_tokens(3000), audio_tokens(100), audio_tokens(101)) == (750, 25, 25)
