"""Conditions of a few prompts: what inference would encode."""

from pathlib import Path

import torch

from sidestep_tui.acestep.checkpoint import open_checkpoint
from sidestep_tui.dataset.prompts import SongFields
from sidestep_tui.engine.generate.pipeline import build_pipeline
from sidestep_tui.engine.training.prompt_conditions import encode_conditions

SUNG = SongFields("slow strings, a cello", 80.0, "[Verse]\nsnow on the river", "en", 90, "D minor", "3")


def test_conditions_are_those_that_the_pipeline_encodes(tiny_checkpoint: Path) -> None:
    checkpoint = open_checkpoint(tiny_checkpoint)
    (ours,) = encode_conditions(checkpoint, [SUNG], torch.device("cpu"), torch.float32)
    pipeline = build_pipeline(checkpoint, torch.float32)
    text, text_mask, lyric, lyric_mask = pipeline.encode_prompt(
        prompt=SUNG.caption, lyrics=SUNG.lyrics, vocal_language="en", audio_duration=80.0, bpm=90,
        keyscale="D minor", timesignature="3", device=torch.device("cpu"),
        instruction="Fill the audio semantic mask based on the given conditions:",
    )  # fmt: skip
    with torch.no_grad():
        theirs, _ = pipeline.condition_encoder(
            text_hidden_states=text, text_attention_mask=text_mask, lyric_hidden_states=lyric,
            lyric_attention_mask=lyric_mask,
            refer_audio_acoustic_hidden_states_packed=pipeline.condition_encoder.silence_latent[:, :750],
            refer_audio_order_mask=torch.zeros(1, dtype=torch.long),
        )  # fmt: skip
    torch.testing.assert_close(ours, theirs[0])
