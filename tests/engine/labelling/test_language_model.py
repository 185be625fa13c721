"""Captions by ACE-Step's language model: what it is asked, what it may say, and how its thought is read."""

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.acestep.vae import encode_audio
from sidestep_tui.dataset.audio import read_audio, write_audio
from sidestep_tui.dataset.proposals import Proposals
from sidestep_tui.engine.labelling import words as label_words
from sidestep_tui.engine.labelling.language_model import find_codec, read_thought
from sidestep_tui.errors import UsageError

RATE = 48_000
CODES = 64_000
LM = "acestep-5Hz-lm-1.7B"
THOUGHT = """bpm: 77
caption: 'Warm strings: a slow
  waltz in the singer''s garden.'
duration: 1
genres: chamber pop
keyscale: A minor
language: unknown
timesignature: 3"""


def tiny_language_model(folder: Path, codes: int = CODES) -> Path:
    """A Qwen3 with random weights whose tokenizer knows letters, ChatML, thoughts and so many audio codes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = {letter: index for index, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=letters, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer.add_tokens(["<think>", "</think>", *(f"<|audio_code_{code}|>" for code in range(codes))])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(fast), hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, head_dim=4, tie_word_embeddings=True,
    )  # fmt: skip
    Qwen3ForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    """A folder of models as they are downloaded: one to train, and its language model beside it."""
    folder = tmp_path_factory.mktemp("checkpoints")
    shutil.copytree(tiny_checkpoint, folder / "acestep-v15-turbo")
    tiny_language_model(folder / LM)
    return folder


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """Two songs of a second, the second of a known tempo."""
    folder = tmp_path / "songs"
    time = np.arange(RATE) / RATE
    for name, pitch in (("a", 220.0), ("b", 330.0)):
        wave = 0.4 * np.sin(2 * np.pi * pitch * time)
        write_audio(folder / f"{name}.wav", np.stack([wave, wave]).astype(np.float32))
    (folder / "b.json").write_text('{"bpm": 90}')
    return folder


def settings_of(songs: Path, checkpoints: Path, **more: Any) -> dict[str, Any]:
    return {"dataset": str(songs), "by": "acestep", "lm": str(checkpoints / LM), "device": "cpu", **more}


def say(monkeypatch: pytest.MonkeyPatch, words: str) -> list[str]:
    """The model answers with these words; returns the prompts that it is given from now on."""
    asked: list[str] = []
    read = cache(PreTrainedTokenizerFast.from_pretrained)  # which takes seconds for so many codes

    def generate(self: Any, input_ids: torch.Tensor, **how: Any) -> torch.Tensor:
        tokenizer = read(self.name_or_path)
        asked.append(tokenizer.decode(input_ids[0]))
        known = words.partition("\n")[2] if "bpm: 90" in asked[-1] else words
        answer = tokenizer(f"{known}</think>", return_tensors="pt")["input_ids"]
        for token in answer[0]:
            scores = torch.full((1, len(tokenizer)), -50.0)
            scores[0, token] = 0.0
            how["logits_processor"](input_ids, scores)
        return torch.cat([input_ids, answer], dim=1)

    monkeypatch.setattr(Qwen3ForCausalLM, "generate", generate)
    return asked


def codes_of(song: Path, codec: Path) -> list[int]:
    checkpoint = open_checkpoint(codec)
    mean, _ = encode_audio(checkpoint.load_vae("cpu", torch.float32), torch.from_numpy(read_audio(song)))
    indices: list[int] = checkpoint.load_audio_tokenizer("cpu", torch.float32).tokenize(
        mean[None], checkpoint.silence_latent()[None]
    )[1]
    return torch.as_tensor(indices).flatten().tolist()


def test_a_song_is_asked_about_as_codes_and_the_thought_becomes_caption_and_genre(
    engine: Any, songs: Path, checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The prompt is the one of ACE-Step's own understanding, with the known tempo in the model's mouth."""
    asked = say(monkeypatch, THOUGHT)
    run, state = engine.run("label", "label", settings_of(songs, checkpoints))
    assert (state.results["labelled"], state.results["failed"]) == (2, 0)
    codes = codes_of(songs / "a.wav", checkpoints / "acestep-v15-turbo")
    assert len(codes) == 5
    heard = "".join(f"<|audio_code_{code}|>" for code in codes)
    start = "Understand the given musical conditions and describe the audio semantics accordingly:"
    prompt = (
        f"<|im_start|>system\n# Instruction\n{start}\n\n<|im_end|>\n"
        f"<|im_start|>user\n{heard}<|im_end|>\n<|im_start|>assistant\n<think>\n"
    )
    assert prompt in asked
    assert sorted(one.partition("<think>")[2] for one in asked) == ["\n", "\nbpm: 90\n"]
    edits = {edit.keys: edit for edit in Proposals(run.path).all()}
    said = {"caption": "Warm strings: a slow waltz in the singer's garden.", "genre": "chamber pop"}
    assert {keys: edit.changes for keys, edit in edits.items()} == {("a.wav",): said, ("b.wav",): said}
    belief = edits[("a.wav",)].beliefs["caption"]
    assert (belief.by, belief.confidence) == (LM, 1.0)


def test_a_model_that_comes_to_no_end_has_not_answered(engine: Any, songs: Path, checkpoints: Path) -> None:
    _, state = engine.run("label", "label", settings_of(songs, checkpoints, longest_answer=16))
    assert (state.results["labelled"], state.results["failed"]) == (0, 2)
    assert "no end within 16 tokens" in state.warnings[0].what


def test_what_may_not_be_said_is_not(checkpoints: Path) -> None:
    """With random weights nearly every token would be one of 64,000 codes; all others end the answer here."""
    model = Qwen3ForCausalLM.from_pretrained(checkpoints / LM)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(checkpoints / LM)
    first = tokenizer.convert_tokens_to_ids("<|audio_code_0|>")

    class Unasked:
        stop_reason = None

    def speaker(never: tuple[int, ...]) -> label_words.Speaker:
        return label_words.Speaker(model, tokenizer, Unasked(), 4, tuple(range(first)), never)  # type: ignore[arg-type]

    words, _ = speaker(tuple(range(first, first + CODES))).answer("<think>\n", {})
    assert words == ""
    free = model.generate(**tokenizer("<think>\n", return_tensors="pt"), max_new_tokens=1, do_sample=False)
    assert int(free[0, -1]) >= first


def test_silence_is_not_described(engine: Any, tmp_path: Path, checkpoints: Path) -> None:
    write_audio(tmp_path / "quiet" / "none.wav", np.zeros((2, RATE), np.float32))
    _, state = engine.run("label", "label", settings_of(tmp_path / "quiet", checkpoints))
    assert (state.results["labelled"], state.results["failed"]) == (0, 1)
    assert "silent" in state.warnings[0].what


def test_it_hears_with_the_model_beside_it(tmp_path: Path) -> None:
    (tmp_path / LM).mkdir()
    with pytest.raises(UsageError, match="cannot hear"):
        find_codec(tmp_path / LM)
    for name, found in (("other", "other"), ("base", "base"), ("acestep-v15-turbo", "acestep-v15-turbo")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text('{"model_type": "acestep"}')
        assert find_codec(tmp_path / LM).name == found


def test_other_language_models_are_refused(engine: Any, songs: Path, checkpoints: Path, tmp_path: Path) -> None:
    fewer = tiny_language_model(tmp_path / "fewer", codes=1000)
    codec = str(checkpoints / "acestep-v15-turbo")
    for folder, words in (
        (fewer, "lacks some of the 64000 audio codes"),
        (songs, "no language model of ACE-Step: it has no tokenizer."),
    ):
        run = engine.create(folder.name, "label", settings_of(songs, checkpoints, lm=str(folder), codec=codec))
        code, state = engine.work(run)
        assert (code, state.failure.where) == (2, str(folder))
        assert words in state.failure.what


def test_thoughts_are_read_as_they_come() -> None:
    assert read_thought('caption: "a \\"loud\\" song: fast"\ngenres: N/A\nbpm: 120') == {
        "caption": 'a "loud" song: fast',
        "bpm": "120",
    }
    assert read_thought("caption: Drums: loud.\n  Second line\nlanguage: unknown") == {
        "caption": "Drums: loud. Second line"
    }
    assert read_thought("no thought at all") == {}
    assert read_thought("") == {}
