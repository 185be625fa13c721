"""The second and third pass: prompts to text states, text states to condition sequences."""

from dataclasses import dataclass, replace

import torch

from sidestep_tui.acestep.conditioning import TextStates, encode_states, encode_text, tokenize_song
from sidestep_tui.engine.preprocess_bench import Bench
from sidestep_tui.engine.preprocess_plan import PlannedSong
from sidestep_tui.engine.tensors import SharedTensors, SongEntry, SongTensors, song_file, write_shared, write_song
from sidestep_tui.errors import SidestepError


@dataclass(frozen=True, slots=True)
class Prompts:
    """The strings that condition a song, and whether the model reads less than all of them."""

    text: str
    lyrics: str
    cut: bool


def encode_prompts(bench: Bench, songs: list[PlannedSong]) -> dict[str, Prompts]:
    """Leaves each song's text states in the scratch; gives the prompts by song key."""
    if not songs:
        return {}
    bench.context.phase("encoding texts", f"{len(songs)} songs")
    tokenizer = bench.checkpoint.load_tokenizer()
    text_encoder = bench.checkpoint.load_text_encoder(bench.device, bench.dtype)
    prompts: dict[str, Prompts] = {}
    for done, song in enumerate(songs, start=1):
        bench.context.stop_if_requested()
        tokens = tokenize_song(tokenizer, replace(song.fields, duration=bench.durations[song.key]))
        prompts[song.key] = Prompts(tokens.text.text, tokens.lyrics.text, tokens.text.cut or tokens.lyrics.cut)
        if bench.scratch.duration("states", song.source) is None:
            states = encode_text(text_encoder, tokens)
            bench.scratch.put("states", song.source, {"text": states.text, "lyrics": states.lyrics})
        bench.context.progress(done, len(songs), "songs", song.key, len(bench.failed))
    if cut := [key for key, prompt in prompts.items() if prompt.cut]:
        bench.context.warn(
            f"{len(cut)} songs have more text than the model reads; the end is left out, as at inference.",
            ", ".join(cut[:5]),
            "`sidestep dataset check --prompts` shows what is cut",
        )
    return prompts


def write_songs(bench: Bench, songs: list[PlannedSong], prompts: dict[str, Prompts]) -> None:
    """Writes what all songs share, and every song's tensors with its condition sequence."""
    bench.context.phase("encoding conditions", f"{len(songs)} songs")
    encoder = bench.checkpoint.load_condition_encoder(bench.device, bench.dtype)
    silence = bench.checkpoint.silence_latent()
    null = encoder.null_condition_emb.detach().reshape(1, -1)
    write_shared(bench.folder, SharedTensors(silence_latent=silence, null_condition=null))
    for done, song in enumerate(songs, start=1):
        bench.context.stop_if_requested()
        states = bench.scratch.get("states", song.source)
        condition = encode_states(
            encoder,
            TextStates(text=states["text"], lyrics=states["lyrics"]),
            silence,
            bench.checkpoint.config.timbre_fix_frame,
        ).cpu()
        if torch.isfinite(condition).all():
            _write_song(bench, song, condition, prompts[song.key])
        else:
            bench.fail(
                song,
                SidestepError("Its condition sequence is not a number.", fix="try --model.precision float32"),
            )
        bench.context.progress(done, len(songs), "songs", song.key, len(bench.failed))


def _write_song(bench: Bench, song: PlannedSong, condition: torch.Tensor, prompts: Prompts) -> None:
    mean, std = bench.latents(song)
    file = song_file(song.key)
    write_song(bench.folder, file, SongTensors(latent_mean=mean, latent_std=std, condition=condition))
    bench.finish(
        SongEntry(
            key=song.key,
            file=file,
            frames=len(mean),
            condition_tokens=len(condition),
            source=song.source,
            duration=bench.durations[song.key],
            prompt=prompts.text,
            lyrics=prompts.lyrics,
            repeat=song.repeat,
            cut=prompts.cut,
        )
    )
