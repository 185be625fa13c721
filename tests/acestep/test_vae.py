"""Tiled encoding and decoding against one pass over the whole song."""

import copy
import weakref
from collections.abc import Callable
from math import ceil

import pytest
import torch
from diffusers import AutoencoderOobleck
from diffusers.models.autoencoders.autoencoder_oobleck import Snake1d

from sidestep_tui.acestep import vae as codec
from sidestep_tui.acestep.model_config import HOP
from sidestep_tui.errors import SidestepError
from tests.acestep.support import FULL

CHANNELS = 4


def make_vae(strides: tuple[int, ...], channels: int = CHANNELS) -> AutoencoderOobleck:
    torch.manual_seed(0)
    vae = AutoencoderOobleck(
        encoder_hidden_size=2 * channels,
        downsampling_ratios=list(strides),
        channel_multiples=[1, 1, 1, 1, 1],
        decoder_channels=channels,
        decoder_input_channels=channels,
    ).requires_grad_(False)
    return codec.use_one_buffer(vae)  # as Checkpoint.load_vae does


@pytest.fixture(scope="module")
def vae() -> AutoencoderOobleck:
    """The published VAE's strides with few channels."""
    return make_vae((2, 4, 4, 6, 10))


def noise(samples: int) -> torch.Tensor:
    return 0.1 * torch.randn(2, samples, generator=torch.Generator().manual_seed(samples))


@pytest.mark.parametrize("samples", [1, HOP, HOP + 1, 48_000, 2 * 48_000 + 777])
def test_tiled_encoding_equals_the_whole(samples: int, vae: AutoencoderOobleck) -> None:
    waveform = noise(samples)
    mean, std = codec.encode_audio(vae, waveform, tile_seconds=1.0)
    assert mean.shape == std.shape == (ceil(samples / HOP), CHANNELS)
    whole = torch.nn.functional.pad(waveform, (0, -samples % HOP))[None]
    with torch.no_grad():
        posterior = vae.encode(whole).latent_dist
    torch.testing.assert_close(mean, posterior.mean[0].T, atol=5e-4, rtol=1e-4)
    torch.testing.assert_close(std, posterior.std[0].T, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("frames", [1, 25, 26, 90])
def test_tiled_decoding_equals_the_whole(frames: int, vae: AutoencoderOobleck) -> None:
    latents = torch.randn(frames, CHANNELS, generator=torch.Generator().manual_seed(frames))
    waveform = codec.decode_latents(vae, latents, tile_seconds=1.0)
    assert waveform.shape == (2, frames * HOP)
    with torch.no_grad():
        whole = vae.decode(latents.T[None]).sample[0]
    torch.testing.assert_close(waveform, whole, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("logscale", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_activations_in_one_buffer_give_the_same_bits(dtype: torch.dtype, logscale: bool) -> None:
    theirs = Snake1d(8, logscale=logscale).to(dtype).requires_grad_(False)
    torch.nn.init.normal_(theirs.alpha)
    torch.nn.init.uniform_(theirs.beta, 0.1, 2)
    ours = copy.deepcopy(theirs)
    codec.use_one_buffer(torch.nn.ModuleList([ours]))  # type: ignore[arg-type]
    x = torch.randn(2, 8, 4_801).to(dtype)
    kept = x.clone()
    assert torch.equal(ours(x), theirs(x))
    assert torch.equal(x, kept)
    assert not torch.equal(theirs(x), x)


@pytest.mark.parametrize("direction", ["encode", "decode"])
def test_reach_is_the_receptive_field(direction: str) -> None:
    """With weights above zero and nothing that bends, every input that lies on a path has a gradient above zero."""
    vae = make_vae((2, 4, 4, 6, 10)).double()
    for parameter in vae.parameters():
        parameter.fill_(1.0)
    for module in vae.modules():
        if isinstance(module, Snake1d):
            module.forward = lambda x: x
    encodes, frames, middle = direction == "encode", 41, 20
    source = torch.zeros((1, 2, frames * HOP) if encodes else (1, CHANNELS, frames), dtype=torch.float64)
    result = (vae.encoder if encodes else vae.decoder)(source.requires_grad_())
    result.unflatten(-1, (frames, -1))[0, :, middle].sum().backward()
    assert source.grad is not None
    seen = source.grad.unflatten(-1, (frames, -1)).sum(dim=(0, 1, 3)).nonzero().flatten().tolist()
    reach = codec.encoder_reach(vae) if encodes else codec.decoder_reach(vae)
    field = max(middle - seen[0], seen[-1] - middle)
    assert field <= reach <= field + 3


def test_progress_counts_frames(vae: AutoencoderOobleck) -> None:
    seen: list[tuple[int, int]] = []
    codec.decode_latents(vae, torch.zeros(60, CHANNELS), 1.0, lambda done, total: seen.append((done, total)))
    assert seen == [(25, 60), (50, 60), (60, 60)]


@pytest.mark.parametrize("full", FULL)
def test_shrinks_its_tiles_when_memory_runs_out(
    vae: AutoencoderOobleck, monkeypatch: pytest.MonkeyPatch, full: Callable[[], Exception]
) -> None:
    latents = torch.randn(110, CHANNELS)
    expected = codec.decode_latents(vae, latents)
    decode, sizes = vae.decode, []

    filling: list[weakref.ref[torch.Tensor]] = []
    freed: list[bool] = []

    def decode_little(z: torch.Tensor) -> object:
        sizes.append(z.shape[-1])
        if z.shape[-1] > 60:
            activations = torch.zeros(1)
            filling.append(weakref.ref(activations))
            raise full()
        return decode(z)

    monkeypatch.setattr(vae, "decode", decode_little)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: freed.append(filling[-1]() is None))
    torch.testing.assert_close(codec.decode_latents(vae, latents), expected, atol=1e-5, rtol=1e-4)
    assert len(freed) == len(filling) > 0
    assert all(freed), "the cache was emptied while the error still held what fills the memory"
    assert sizes[0] == 110
    assert sizes[1] < 110, "the same size would not fit either"
    assert max(sizes[-2:]) <= 60


def test_says_so_when_not_even_a_second_fits(vae: AutoencoderOobleck, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def refuse(audio: torch.Tensor) -> object:
        tried.append(audio.shape[-1])
        raise torch.OutOfMemoryError

    monkeypatch.setattr(vae, "encode", refuse)
    with pytest.raises(SidestepError, match="no memory"):
        codec.encode_audio(vae, noise(2 * 48_000))
    assert len(tried) == 2, "two seconds, then one"


@pytest.mark.slow
def test_ten_minutes() -> None:
    # The same hop in one channel; most of the work is at the highest rate, and these strides leave it at once.
    vae = make_vae((10, 6, 4, 4, 2), channels=1)
    mean, _ = codec.encode_audio(vae, torch.zeros(2, 600 * 48_000))
    assert mean.shape == (15_000, 1)
    assert codec.decode_latents(vae, mean).shape == (2, 600 * 48_000)
