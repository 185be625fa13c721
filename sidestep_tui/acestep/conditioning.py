"""What the DiT is conditioned on, computed exactly as inference computes it for one song.

Three separable steps, so that preprocessing keeps one model in memory at a time: prompts to token ids (tokenizer),
ids to text states (text encoder), text states to the condition sequence (condition encoder). Nothing is padded: the
DiT ignores attention masks, so stored padding would be attended.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from sidestep_tui.dataset.prompts import (
    LYRIC_TOKEN_LIMIT,
    TEXT_TOKEN_LIMIT,
    SongFields,
    lyric_prompt,
    text_prompt,
)

if TYPE_CHECKING:
    from diffusers.pipelines.ace_step import AceStepConditionEncoder
    from transformers import PreTrainedTokenizerFast, Qwen3Model


@dataclass(frozen=True)
class Tokens:
    """A prompt as the text encoder reads it.

    Attributes:
        text: the whole prompt.
        ids: what is read, the tokenizer's closing token included.
        count: tokens of the whole prompt.
    """

    text: str
    ids: tuple[int, ...]
    count: int

    @property
    def cut(self) -> bool:
        """Whether the prompt is longer than the model reads."""
        return self.count > len(self.ids)


@dataclass(frozen=True)
class SongTokens:
    """Both prompts of a song."""

    text: Tokens
    lyrics: Tokens


@dataclass(frozen=True)
class TextStates:
    """What the text encoder gives for a song: hidden states `text` [tokens, E], embeddings `lyrics` [tokens, E]."""

    text: torch.Tensor
    lyrics: torch.Tensor


def tokenize_song(tokenizer: "PreTrainedTokenizerFast", song: SongFields) -> SongTokens:
    """The token ids of a song's two prompts, cut where inference cuts them."""
    return SongTokens(
        text=_tokenize(tokenizer, text_prompt(song), TEXT_TOKEN_LIMIT),
        lyrics=_tokenize(tokenizer, lyric_prompt(song), LYRIC_TOKEN_LIMIT),
    )


@torch.no_grad()
def encode_text(text_encoder: "Qwen3Model", tokens: SongTokens) -> TextStates:
    """The text prompt through the whole text encoder, the lyrics through its embedding table only."""
    return TextStates(text=text_states(text_encoder, tokens.text), lyrics=lyric_states(text_encoder, tokens.lyrics))


@torch.no_grad()
def text_states(text_encoder: "Qwen3Model", tokens: Tokens) -> torch.Tensor:
    """The hidden states [tokens, E] of a text prompt."""
    ids = torch.tensor([tokens.ids], device=text_encoder.device)
    states: torch.Tensor = text_encoder(input_ids=ids).last_hidden_state[0]
    return states


@torch.no_grad()
def lyric_states(text_encoder: "Qwen3Model", tokens: Tokens) -> torch.Tensor:
    """The embeddings [tokens, E] of a lyric prompt."""
    ids = torch.tensor([tokens.ids], device=text_encoder.device)
    states: torch.Tensor = text_encoder.get_input_embeddings()(ids)[0]
    return states


@torch.no_grad()
def encode_states(
    condition_encoder: "AceStepConditionEncoder",
    states: TextStates,
    silence_latent: torch.Tensor,
    timbre_frames: int,
) -> torch.Tensor:
    """The condition sequence [L, D]: lyric tokens, one timbre token, text tokens.

    Args:
        condition_encoder: as `Checkpoint.load_condition_encoder` gives it.
        states: of one song.
        silence_latent: [frames, 64]; its beginning is the timbre reference (not zeros: those are far outside of what
            the timbre encoder was trained on).
        timbre_frames: length of the reference (`timbre_fix_frame` of the model).
    """
    weight = condition_encoder.text_projector.weight
    text, lyrics, timbre = (
        tensor[None].to(device=weight.device, dtype=weight.dtype)
        for tensor in (states.text, states.lyrics, silence_latent[:timbre_frames])
    )
    condition, _ = condition_encoder(
        text_hidden_states=text,
        text_attention_mask=torch.ones(text.shape[:2], dtype=torch.bool, device=weight.device),
        lyric_hidden_states=lyrics,
        lyric_attention_mask=torch.ones(lyrics.shape[:2], dtype=torch.bool, device=weight.device),
        refer_audio_acoustic_hidden_states_packed=timbre,
        refer_audio_order_mask=torch.zeros(1, dtype=torch.long, device=weight.device),
    )
    sequence: torch.Tensor = condition[0]
    return sequence


def context_latents(silence_latent: torch.Tensor, frames: int) -> torch.Tensor:
    """The context of text-to-music, [frames, 128]: silence from its beginning, repeated as needed, beside ones.

    Args:
        silence_latent: [any, 64].
        frames: length of the song in latent frames.
    """
    repeats = -(-frames // len(silence_latent))
    silence = silence_latent.repeat(repeats, 1)[:frames]
    return torch.cat([silence, torch.ones_like(silence)], dim=-1)


def _tokenize(tokenizer: "PreTrainedTokenizerFast", text: str, limit: int) -> Tokens:
    count = len(tokenizer(text).input_ids)
    ids = tokenizer(text, truncation=True, max_length=limit).input_ids
    return Tokens(text, tuple(ids), count)
