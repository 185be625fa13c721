"""Conditions of a few prompts, encoded once: each encoder is loaded, used and freed, so only the DiT stays."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.acestep.conditioning import TextStates, encode_states, encode_text, tokenize_song
from sidestep_tui.dataset.prompts import SongFields
from sidestep_tui.engine.devices import free_memory


def encode_conditions(
    checkpoint: Checkpoint, songs: Sequence[SongFields], device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, ...]:
    """The condition sequence [L, D] of every song, on the CPU."""
    if not songs:
        return ()
    states = _text_states(checkpoint, songs, device, dtype)
    free_memory()
    encoder = checkpoint.load_condition_encoder(device, dtype)
    silence, frames = checkpoint.silence_latent(), checkpoint.config.timbre_fix_frame
    conditions = tuple(encode_states(encoder, state, silence, frames).cpu() for state in states)
    del encoder
    free_memory()
    return conditions


def _text_states(
    checkpoint: Checkpoint, songs: Sequence[SongFields], device: torch.device, dtype: torch.dtype
) -> list[TextStates]:
    tokenizer = checkpoint.load_tokenizer()
    text_encoder = checkpoint.load_text_encoder(device, dtype)
    return [encode_text(text_encoder, tokenize_song(tokenizer, song)) for song in songs]
