"""A tiny ACE-Step 1.5 with random weights, for the demo and the tests: the real classes, the real shapes of data.

It is saved by AceStepPipeline, so everything that reads a published model in the diffusers layout reads it too. The
VAE is scaled so that music gives latents of about unit variance, like the real one: training has something to learn.
"""

from math import pi
from pathlib import Path

import torch
from diffusers import (
    AceStepPipeline,
    AceStepTransformer1DModel,
    AutoencoderOobleck,
    FlowMatchEulerDiscreteScheduler,
)
from diffusers.pipelines.ace_step import (
    AceStepAudioTokenDetokenizer,
    AceStepAudioTokenizer,
    AceStepConditionEncoder,
)
from transformers import Qwen3Config, Qwen3Model

from sidestep_tui.acestep.model_config import LATENT_CHANNELS, SAMPLE_RATE, Variant
from sidestep_tui.acestep.tiny_tokenizer import build_tokenizer
from sidestep_tui.acestep.vae import decode_latents, encode_audio, encoder_reach, use_one_buffer
from sidestep_tui.files import directory_atomic

_SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "sliding_window": 8,
}
_TEXT_HIDDEN = 32
_POSTERIOR_STD = 0.05
_AUDIO_RMS = 0.1


def build_tiny_checkpoint(path: Path, seed: int = 0, variant: Variant = Variant.TURBO) -> None:
    """Writes the tiny model to the new folder `path` in the diffusers layout (about 12 MB, a few seconds).

    The same seed gives the same weights. The global random state is left as it was.

    Raises:
        SidestepError: `path` exists, or cannot be written.
    """
    with directory_atomic(path) as folder, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _build_pipeline(variant).save_pretrained(folder)


def _build_pipeline(variant: Variant) -> AceStepPipeline:
    vae = _build_vae()
    tokenizer = build_tokenizer()
    return AceStepPipeline(
        text_encoder=_build_text_encoder(len(tokenizer)),
        tokenizer=tokenizer,
        transformer=AceStepTransformer1DModel(
            **_SIZES, num_hidden_layers=4, is_turbo=variant is Variant.TURBO, model_version=str(variant)
        ),
        condition_encoder=_build_condition_encoder(vae),
        audio_tokenizer=AceStepAudioTokenizer(
            **_SIZES, fsq_dim=_SIZES["hidden_size"], num_attention_pooler_hidden_layers=1
        ),
        audio_token_detokenizer=AceStepAudioTokenDetokenizer(**_SIZES, num_attention_pooler_hidden_layers=1),
        scheduler=FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0),
        vae=vae.bfloat16(),  # as the published VAE is stored
    )


def _build_text_encoder(vocabulary: int) -> Qwen3Model:
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=_TEXT_HIDDEN,
        intermediate_size=2 * _TEXT_HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        initializer_range=0.2,
        eos_token_id=2,
        pad_token_id=0,
        bos_token_id=None,
    )
    return Qwen3Model(config)


def _build_condition_encoder(vae: AutoencoderOobleck) -> AceStepConditionEncoder:
    encoder = AceStepConditionEncoder(
        **_SIZES,
        text_hidden_dim=_TEXT_HIDDEN,
        num_lyric_encoder_hidden_layers=2,
        num_timbre_encoder_hidden_layers=2,
    )
    edge = encoder_reach(vae)
    # Away from its ends, silence gives the same frame again and again: one of them is enough.
    mean, _ = encode_audio(vae, torch.zeros(2, (2 * edge + 1) * vae.hop_length))
    silence = mean[edge].repeat(encoder.silence_latent.shape[1], 1)
    silence[:edge], silence[-edge:] = mean[:edge], mean[-edge:]
    encoder.silence_latent.copy_(silence)
    return encoder


def _build_vae() -> AutoencoderOobleck:
    vae = AutoencoderOobleck(
        encoder_hidden_size=2 * LATENT_CHANNELS,  # the least that gives a mean and a scale for every channel
        downsampling_ratios=[10, 6, 4, 4, 2],  # the largest first: most of the work is at the highest rate
        channel_multiples=[1, 1, 1, 1, 1],
        decoder_channels=8,
        decoder_input_channels=LATENT_CHANNELS,
        sampling_rate=SAMPLE_RATE,
    ).requires_grad_(False)
    use_one_buffer(vae)
    mean, _ = encode_audio(vae, _calibration_music())
    deviation, centre = mean.std(dim=0), mean.mean(dim=0)
    _scale_posterior(vae, deviation, centre)
    audio = decode_latents(vae, (mean - centre) / deviation)
    vae.decoder.conv2.weight_g.mul_(_AUDIO_RMS / audio.std())
    # Rounded as it will be stored, so that the silence latent is made by the weights that are read back.
    return vae.bfloat16().float()


def _scale_posterior(vae: AutoencoderOobleck, deviation: torch.Tensor, centre: torch.Tensor) -> None:
    """Makes latent channels of these statistics [64] zero-mean with unit variance, and the posterior narrow."""
    last = vae.encoder.conv2
    last.weight_g[:LATENT_CHANNELS] /= deviation[:, None, None]
    last.bias[:LATENT_CHANNELS] = (last.bias[:LATENT_CHANNELS] - centre) / deviation
    last.weight_g[LATENT_CHANNELS:] = 1e-6
    last.bias[LATENT_CHANNELS:] = torch.tensor(_POSTERIOR_STD).expm1().log()  # the inverse of softplus


def _calibration_music() -> torch.Tensor:
    """A second of chords with a beat and a little noise, [2, 48000]."""
    time = torch.arange(SAMPLE_RATE) / SAMPLE_RATE
    beat = torch.exp(-8 * (time % 0.25))
    pitch = 110 * 2 ** (torch.tensor([0, 3, 7, 10])[(time * 4).long()] / 12)
    phase = 2 * pi * torch.cumsum(pitch, 0) / SAMPLE_RATE
    voice = sum(torch.sin(harmonic * phase) / harmonic for harmonic in (1, 2, 3, 5))
    mono = 0.15 * voice * (0.3 + beat) + 0.02 * torch.randn(len(time)) * beat
    return torch.stack([mono, 0.8 * mono.roll(48)])
