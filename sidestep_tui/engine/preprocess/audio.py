"""The first pass: songs to latents, one song decoded and resampled ahead of the one that the VAE works on."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

import torch

from sidestep_tui.acestep.vae import encode_audio
from sidestep_tui.dataset.audio import SAMPLE_RATE, Waveform, read_audio
from sidestep_tui.dataset.measure import OFF_SCALE_PEAK, SILENCE_PEAK
from sidestep_tui.dataset.treatment import treat
from sidestep_tui.engine.prefetch import prefetch
from sidestep_tui.engine.preprocess.bench import Bench
from sidestep_tui.engine.preprocess.plan import PlannedSong
from sidestep_tui.errors import SidestepError
from sidestep_tui.told import told

_SHORTEST_SECONDS: Final = 1.0


def encode_songs(bench: Bench, songs: list[PlannedSong]) -> None:
    """Leaves the posterior of each song's latents in the scratch; a song that cannot be decoded is noted as failed."""
    if not songs:
        return
    bench.begin(told("encoding audio"), len(songs))
    vae = bench.checkpoint.load_vae(bench.device, bench.dtype)
    for done, (song, decoded) in enumerate(_decoded_ahead(songs), start=1):
        bench.context.stop_if_requested()
        if isinstance(decoded, SidestepError):
            bench.leave_out(song.key, decoded.what, decoded.fix or "", song.audio_path)
        else:
            tell = partial(_tell_tile, bench, song, done - 1, len(songs))
            mean, std = encode_audio(vae, torch.from_numpy(decoded), bench.tile_seconds, tell)
            bench.keep_latents(song, mean, std, duration=decoded.shape[1] / SAMPLE_RATE)
        bench.context.progress(done, len(songs), "songs", song.key, len(bench.failed))


def _tell_tile(bench: Bench, song: PlannedSong, done: int, total: int, frames: int, all_frames: int) -> None:
    """Says how far a song is, and ends here when asked to: a song of ten minutes is a long wait without a word.

    Raises:
        StopRequestedError: on request; the song will be encoded again.
    """
    bench.context.stop_if_requested()
    if frames < all_frames:
        bench.context.progress(done, total, "songs", f"{song.key} {frames / all_frames:.0%}", len(bench.failed))


def _decoded_ahead(songs: Iterable[PlannedSong]) -> Iterator[tuple[PlannedSong, Waveform | SidestepError]]:
    """Each song with its waveform [2, samples] at 48 kHz, or with why there is none; the next are read ahead."""
    return prefetch(lambda song: (song, _decode(song)), iter(songs))


def _decode(song: PlannedSong) -> Waveform | SidestepError:
    treatment = song.treatment
    try:
        recorded = read_audio(song.audio_path, SAMPLE_RATE, max_seconds=treatment.end)
    except SidestepError as error:
        return error
    if max(recorded.max(), -recorded.min()) <= SILENCE_PEAK:
        return SidestepError("The song is silent.", where=song.audio_path, fix="remove it")
    waveform = treat(recorded, treatment)
    if waveform.shape[1] < _SHORTEST_SECONDS * SAMPLE_RATE:
        return SidestepError("The song is shorter than one second.", where=song.audio_path, fix="remove it")
    if max(waveform.max(), -waveform.min()) > OFF_SCALE_PEAK:
        return SidestepError(
            "The song goes far over full scale: it is damaged, or has another scale.",
            where=song.audio_path,
            fix="copy it again, or set normalization for the data set",
        )
    return waveform
