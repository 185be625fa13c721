"""The second and third pass: prompts to text states, text states to condition sequences."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sidestep_tui.acestep.conditioning import (
    SongTokens,
    TextStates,
    encode_states,
    lyric_states,
    text_states,
    tokenize_song,
)
from sidestep_tui.dataset.song import INSTRUMENTAL
from sidestep_tui.engine.data.conditions import ConditionEntry
from sidestep_tui.engine.data.manifest import SongEntry, song_file
from sidestep_tui.engine.data.tensors import SharedTensors, SongTensors, write_shared, write_song
from sidestep_tui.engine.preprocess.bench import Bench
from sidestep_tui.engine.preprocess.descriptions import Description, describe
from sidestep_tui.engine.preprocess.plan import PlannedSong
from sidestep_tui.told import told, told_many


@dataclass(frozen=True, slots=True)
class Prompts:
    """The strings that condition a song or a crop of it, and whether the model reads less than all of them.

    `text_state` and `lyric_state` name their states in the scratch; equal strings of a song share them.
    """

    description: Description
    text: str
    lyrics: str
    cut: bool
    text_state: str
    lyric_state: str

    def entry(self, tokens: int) -> ConditionEntry:
        """How the manifest lists the condition sequence that was made of them."""
        plan = self.description
        return ConditionEntry(
            tensor=plan.tensor,
            tokens=tokens,
            prompt=self.text,
            lyrics=self.lyrics,
            cut=self.cut,
            crop_frames=plan.crop_frames,
            starts=plan.starts,
            wording=plan.wording,
            kind=plan.kind,
        )


SongPrompts = dict[str, tuple[Prompts, ...]]
"""Prompts by song key, those of the whole song first."""


def encode_prompts(bench: Bench, songs: list[PlannedSong]) -> SongPrompts:
    """Leaves each song's text states in the scratch; gives its prompts."""
    if not songs:
        return {}
    bench.begin(told("encoding texts"), len(songs))
    tokenizer = bench.checkpoint.load_tokenizer()
    text_encoder = bench.checkpoint.load_text_encoder(bench.device, bench.dtype)
    prompts: SongPrompts = {}
    for done, song in enumerate(songs, start=1):
        bench.context.stop_if_requested()
        frames = len(bench.latents(song)[0])
        described = describe(song.fields, song.wordings, song.times, bench.durations[song.key], frames, song.crops)
        tokens = [tokenize_song(tokenizer, one.fields) for one in described]
        prompts[song.key] = _named(described, tokens)
        if bench.scratch.duration("texts", song.source) is None:
            states: dict[str, Tensor] = {}
            for prompt, token in zip(prompts[song.key], tokens, strict=True):
                if prompt.text_state not in states:
                    states[prompt.text_state] = text_states(text_encoder, token.text)
                if prompt.lyric_state not in states:
                    states[prompt.lyric_state] = lyric_states(text_encoder, token.lyrics)
            bench.scratch.put("texts", song.source, states)
        bench.context.progress(done, len(songs), "songs", song.key, len(bench.failed))
    _warn_of_loss(bench, songs, prompts)
    return prompts


def write_songs(bench: Bench, songs: list[PlannedSong], prompts: SongPrompts) -> None:
    """Writes what all songs share, and every song's tensors with its condition sequences."""
    bench.begin(told("encoding conditions"), len(songs))
    encoder = bench.checkpoint.load_condition_encoder(bench.device, bench.dtype)
    silence = bench.checkpoint.silence_latent()
    null = encoder.null_condition_emb.detach().reshape(1, -1)
    write_shared(bench.folder, SharedTensors(silence_latent=silence, null_condition=null))
    timbre_frames = bench.checkpoint.config.timbre_fix_frame
    for done, song in enumerate(songs, start=1):
        bench.context.stop_if_requested()
        states = bench.scratch.get("texts", song.source)
        conditions: list[Tensor] = []
        for prompt in prompts[song.key]:
            pair = TextStates(text=states[prompt.text_state], lyrics=states[prompt.lyric_state])
            conditions.append(encode_states(encoder, pair, silence, timbre_frames).cpu())
        if all(torch.isfinite(condition).all() for condition in conditions):
            _write_song(bench, song, conditions, prompts[song.key])
        else:
            reason = told("Its condition sequence is not a number.")
            bench.leave_out(song.key, reason, told("try --model.precision float32"), song.audio_path)
        bench.context.progress(done, len(songs), "songs", song.key, len(bench.failed))


def _named(described: Sequence[Description], tokens: Sequence[SongTokens]) -> tuple[Prompts, ...]:
    texts = list(dict.fromkeys(token.text.text for token in tokens))
    lyrics = list(dict.fromkeys(token.lyrics.text for token in tokens))
    return tuple(
        Prompts(
            description=one,
            text=token.text.text,
            lyrics=token.lyrics.text,
            cut=token.text.cut or token.lyrics.cut,
            text_state=f"text.{texts.index(token.text.text)}",
            lyric_state=f"lyrics.{lyrics.index(token.lyrics.text)}",
        )
        for one, token in zip(described, tokens, strict=True)
    )


def _warn_of_loss(bench: Bench, songs: Sequence[PlannedSong], prompts: SongPrompts) -> None:
    """Says what the model will not read, and which crops will read more than they hold."""
    if cut := [key for key, of_song in prompts.items() if any(prompt.cut for prompt in of_song)]:
        bench.context.warn_once(
            told_many(
                "{count} song has more text than the model reads; the end is left out, as at inference.",
                "{count} songs have more text than the model reads; the end is left out, as at inference.",
                len(cut),
            ),
            ", ".join(cut[:5]),
            "`sidestep dataset check --prompts` shows what is cut",
        )
    untimed = [
        song.key
        for song in songs
        if song.fields.lyrics != INSTRUMENTAL and any(prompt.description.untimed for prompt in prompts[song.key])
    ]
    if untimed:
        bench.context.warn_once(
            told_many(
                "The lyrics of {count} song have no times: every crop's prompt holds all of them.",
                "The lyrics of {count} songs have no times: every crop's prompt holds all of them.",
                len(untimed),
            ),
            ", ".join(untimed[:5]),
            "put NAME.lrc beside the songs",
        )


def _write_song(bench: Bench, song: PlannedSong, conditions: Sequence[Tensor], prompts: Sequence[Prompts]) -> None:
    mean, std = bench.latents(song)
    file = song_file(song.key)
    whole, *others = [prompt.entry(len(condition)) for prompt, condition in zip(prompts, conditions, strict=True)]
    tensors = {entry.tensor: condition for entry, condition in zip(others, conditions[1:], strict=True)}
    write_song(bench.folder, file, SongTensors(latent_mean=mean, latent_std=std, condition=conditions[0]), tensors)
    bench.finish(
        SongEntry(
            key=song.key,
            file=file,
            frames=len(mean),
            condition_tokens=whole.tokens,
            source=song.source,
            duration=bench.durations[song.key],
            prompt=whole.prompt,
            lyrics=whole.lyrics,
            repeat=song.repeat,
            held_out=song.held_out,
            cut=whole.cut,
            kind=whole.kind,
            further=tuple(others),
        )
    )
