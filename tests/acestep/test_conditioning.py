"""Prompts byte for byte, token limits, and the condition sequence against diffusers' AceStepPipeline."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from diffusers import AceStepPipeline

from sidestep_tui.acestep import Checkpoint, open_checkpoint
from sidestep_tui.acestep.conditioning import (
    context_latents,
    encode_states,
    encode_text,
    tokenize_song,
)
from sidestep_tui.dataset.prompts import SongFields, lyric_prompt, text_prompt
from sidestep_tui.engine.training.prompt_conditions import encode_conditions

FULL = SongFields(
    caption="slow folk, fingerpicked guitar — très doux",
    duration=183.9,
    lyrics="[Verse]\n雪が降る\n[Chorus]\nAh",
    language="ja",
    bpm=92,
    keyscale="F# minor",
    timesignature="3",
)
BARE = SongFields(caption="noise", duration=30.0)


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint: Path) -> Checkpoint:
    return open_checkpoint(tiny_checkpoint)


def test_prompts_of_a_known_song() -> None:
    assert text_prompt(FULL) == (
        "# Instruction\nFill the audio semantic mask based on the given conditions:\n\n"
        "# Caption\nslow folk, fingerpicked guitar — très doux\n\n"
        "# Metas\n- bpm: 92\n- timesignature: 3\n- keyscale: F# minor\n- duration: 183 seconds\n<|endoftext|>\n"
    )
    assert lyric_prompt(FULL) == "# Languages\nja\n\n# Lyric\n[Verse]\n雪が降る\n[Chorus]\nAh<|endoftext|>"


@pytest.mark.parametrize("blank", [None, "", "  \n"])
def test_prompts_of_an_unknown_song(blank: str | None) -> None:
    song = SongFields("noise", 30.0, lyrics=blank, language=blank, bpm=0, keyscale=blank, timesignature=blank)
    assert text_prompt(song).endswith(
        "# Metas\n- bpm: N/A\n- timesignature: N/A\n- keyscale: N/A\n- duration: 30 seconds\n<|endoftext|>\n"
    )
    assert lyric_prompt(song) == "# Languages\nunknown\n\n# Lyric\n[Instrumental]<|endoftext|>"


def test_prompts_need_no_torch() -> None:
    probe = "import sys, sidestep_tui.dataset.prompts; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", probe], check=True)


def test_tokenizer_closes_every_text_itself(checkpoint: Checkpoint) -> None:
    tokenizer = checkpoint.load_tokenizer()
    end = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    lyrics = tokenize_song(tokenizer, FULL).lyrics
    assert lyrics.ids[-2:] == (end, end)
    assert lyrics.ids.count(end) == 2
    assert tokenizer.decode(lyrics.ids[:-2]) == lyrics.text.removesuffix("<|endoftext|>")
    assert not lyrics.cut


def test_long_prompts_are_cut_and_say_so(checkpoint: Checkpoint) -> None:
    tokenizer = checkpoint.load_tokenizer()
    end = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    song = SongFields(caption="зима " * 300, duration=60, lyrics="Ω" * 3000)
    tokens = tokenize_song(tokenizer, song)
    for part, limit in [(tokens.text, 256), (tokens.lyrics, 2048)]:
        assert part.cut
        assert part.count == len(tokenizer(part.text).input_ids) > limit
        assert len(part.ids) == limit
        assert part.ids[-1] == end


@pytest.mark.parametrize("song", [FULL, BARE], ids=["full", "bare"])
def test_condition_is_what_the_pipeline_computes(
    song: SongFields, checkpoint: Checkpoint, tiny_checkpoint: Path
) -> None:
    (ours,) = encode_conditions(checkpoint, [song], torch.device("cpu"), torch.float32)
    seen: dict[str, torch.Tensor] = {}
    pipeline = AceStepPipeline.from_pretrained(tiny_checkpoint)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.transformer.register_forward_pre_hook(lambda _m, _a, inputs: seen.update(inputs), with_kwargs=True)
    pipeline(
        prompt=song.caption,
        lyrics=song.lyrics or "[Instrumental]",
        vocal_language=song.language or "unknown",
        audio_duration=song.duration,
        bpm=song.bpm,
        keyscale=song.keyscale,
        timesignature=song.timesignature,
        num_inference_steps=1,
        output_type="latent",
    )
    torch.testing.assert_close(ours, seen["encoder_hidden_states"][0], atol=0, rtol=0)
    context = context_latents(checkpoint.silence_latent(), seen["context_latents"].shape[1])
    assert torch.equal(context, seen["context_latents"][0])


def test_condition_holds_lyrics_then_timbre_then_text(checkpoint: Checkpoint) -> None:
    encoder = checkpoint.load_condition_encoder("cpu", torch.float32)
    tokens = tokenize_song(checkpoint.load_tokenizer(), FULL)
    states = encode_text(checkpoint.load_text_encoder("cpu", torch.float32), tokens)
    condition = encode_states(encoder, states, checkpoint.silence_latent(), checkpoint.config.timbre_fix_frame)
    assert len(condition) == len(tokens.lyrics.ids) + 1 + len(tokens.text.ids)
    torch.testing.assert_close(condition[len(tokens.lyrics.ids) + 1 :], encoder.text_projector(states.text))


def test_context_tiles_silence_for_long_songs() -> None:
    silence = torch.randn(10, 64)
    context = context_latents(silence, 23)
    assert context.shape == (23, 128)
    assert torch.equal(context[:10, :64], silence)
    assert torch.equal(context[20:, :64], silence[:3])
    assert torch.equal(context[:, 64:], torch.ones(23, 64))
