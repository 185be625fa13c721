"""Audio to latents and back through AutoencoderOobleck, in tiles of bounded memory.

Tiles begin and end on latent frames and overlap by the codec's receptive field, so that joining their middles gives
what one pass over the whole song gives, up to rounding. (Tiles that are not aligned to the 1920-sample hop shift every
frame; tiles without enough overlap put a seam into the latents.)
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from sidestep_tui.acestep.full_memory import told_as_full
from sidestep_tui.acestep.model_config import LATENT_RATE
from sidestep_tui.errors import SidestepError

if TYPE_CHECKING:
    from diffusers import AutoencoderOobleck
    from diffusers.models.autoencoders.autoencoder_oobleck import Snake1d

Progress = Callable[[int, int], None]
"""Called with what is done, and with how much there is in all: of latent frames here, after every tile."""

_ENCODE_TILE_SECONDS = 30.0
_DECODE_TILE_SECONDS = 20.0
_SMALLEST_TILE_FRAMES = LATENT_RATE
_RESIDUAL_REACH = 3 * (1 + 3 + 9)  # three residual units: kernel 7 at dilations 1, 3 and 9


def _ignore(_done: int, _total: int) -> None:
    """No progress is wanted."""


def use_one_buffer(vae: "AutoencoderOobleck") -> "AutoencoderOobleck":
    """Lets each activation of a frozen VAE work in one buffer instead of five: the same bits in a third of the time.

    Activations were half of the encoder's time on a CPU, where memory that is fresh costs more than the arithmetic.
    """
    from diffusers.models.autoencoders.autoencoder_oobleck import Snake1d

    for module in vae.modules():
        if isinstance(module, Snake1d):
            module.forward = partial(_snake, module)
    return vae


def _snake(module: "Snake1d", x: torch.Tensor) -> torch.Tensor:
    """x + sin²(αx) / β for [batch, channels, time], as Snake1d.forward of diffusers (arXiv:2006.08195, BigVGAN's β)."""
    alpha, beta = (p.exp() if module.logscale else p for p in (module.alpha, module.beta))
    wave: torch.Tensor = alpha * x
    return wave.sin_().square_().mul_((beta + 1e-9).reciprocal()).add_(x)


@torch.no_grad()
def encode_audio(
    vae: "AutoencoderOobleck",
    waveform: torch.Tensor,
    tile_seconds: float = _ENCODE_TILE_SECONDS,
    progress: Progress = _ignore,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The posterior of a song's latents: mean and standard deviation, each [T, 64], float32 on the CPU.

    T = ceil(N / 1920), as inference sizes a song; the last frame's missing samples are silence.

    Args:
        vae: as `Checkpoint.load_vae` gives it.
        waveform: [2, N] at 48 kHz, N >= 1.
        tile_seconds: how much audio goes through the encoder at once, overlap not counted.
        progress: called after every tile.

    Raises:
        SidestepError: not even one second of audio fits into the device's memory.
    """
    hop = vae.hop_length
    frames = ceil(waveform.shape[1] / hop)
    waveform = F.pad(waveform, (0, frames * hop - waveform.shape[1]))
    weight = next(vae.parameters())

    def encode(first: int, last: int) -> torch.Tensor:
        audio = waveform[None, :, first * hop : last * hop].to(device=weight.device, dtype=weight.dtype)
        posterior = vae.encode(audio).latent_dist
        return torch.stack([posterior.mean[0], posterior.std[0]]).mT.float().cpu()

    tiles = _run_tiled(encode, frames, tile_seconds, encoder_reach(vae), progress)
    mean, std = torch.cat(tiles, dim=1)
    return mean, std


@torch.no_grad()
def decode_latents(
    vae: "AutoencoderOobleck",
    latents: torch.Tensor,
    tile_seconds: float = _DECODE_TILE_SECONDS,
    progress: Progress = _ignore,
) -> torch.Tensor:
    """The waveform of latents [T, 64]: [2, T * 1920] at 48 kHz, float32 on the CPU, not normalised.

    Args:
        vae: as `Checkpoint.load_vae` gives it.
        latents: of one song, T >= 1.
        tile_seconds: how much is decoded at once, overlap not counted.
        progress: called after every tile.

    Raises:
        SidestepError: not even one second of audio fits into the device's memory.
    """
    hop = vae.hop_length
    weight = next(vae.parameters())

    def decode(first: int, last: int) -> torch.Tensor:
        tile = latents[first:last].to(device=weight.device, dtype=weight.dtype)
        audio: torch.Tensor = vae.decode(tile.T[None]).sample[0]
        return audio.reshape(len(audio), last - first, hop).transpose(0, 1).float().cpu()[None]

    tiles = _run_tiled(decode, len(latents), tile_seconds, decoder_reach(vae), progress)
    return torch.cat(tiles, dim=1)[0].transpose(0, 1).flatten(1)


def encoder_reach(vae: "AutoencoderOobleck") -> int:
    """How many latent frames to each side of a frame the audio that determines it may lie."""
    reach, rate = 3, 1  # in samples; rate is samples per step of the current layer
    for stride in vae.downsampling_ratios:
        reach += (_RESIDUAL_REACH + 2 * stride) * rate
        rate *= stride
    return ceil((reach + rate) / rate) + 1


def decoder_reach(vae: "AutoencoderOobleck") -> int:
    """How many latent frames to each side determine the audio of a frame."""
    reach, rate = 3.0, 1  # in latent frames; rate is steps of the current layer per latent frame
    for stride in vae.upsampling_ratios:
        reach += 2 / rate
        rate *= stride
        reach += _RESIDUAL_REACH / rate
    return ceil(reach + 3 / rate) + 1


def _run_tiled(
    run: Callable[[int, int], torch.Tensor], frames: int, tile_seconds: float, reach: int, progress: Progress
) -> list[torch.Tensor]:
    """Runs over all frames, with smaller tiles whenever the device is out of memory.

    `run(first, last)` gives [any, last - first, ...] for a range of frames; the overlap is cut off here.
    """
    tile = max(_SMALLEST_TILE_FRAMES, round(tile_seconds * LATENT_RATE))
    while True:
        try:
            return list(_tiles(run, frames, tile, reach, progress))
        except torch.OutOfMemoryError as error:
            tile = min(tile, frames) // 2
            if tile < _SMALLEST_TILE_FRAMES:
                raise SidestepError(
                    "The device has no memory for even one second of audio in the VAE.",
                    fix="free memory on the device, or choose the CPU: --device cpu",
                ) from error
        torch.cuda.empty_cache()  # only here is what the error's frames held let go


def _tiles(
    run: Callable[[int, int], torch.Tensor], frames: int, tile: int, reach: int, progress: Progress
) -> Iterator[torch.Tensor]:
    for first, last in pairwise([*range(0, frames, tile), frames]):
        begin, end = max(0, first - reach), min(frames, last + reach)
        with told_as_full():
            result = run(begin, end)
        yield result[:, first - begin : last - begin].clone()
        progress(last, frames)
