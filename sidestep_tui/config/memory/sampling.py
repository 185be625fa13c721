"""What songs that a training run generates take: samples between its steps, and the songs of prior preservation.

Encoders run before the DiT is loaded and are freed, so they never meet it. Samples are made with the optimizer's state
on the card: all latents first, then the VAE is loaded to decode them (`engine/training/sampler.py`).
"""

from typing import Final

from sidestep_tui.config.base import split_captions
from sidestep_tui.config.dit_shape import DitShape
from sidestep_tui.config.memory.load import FRAMES_PER_SECOND, Load
from sidestep_tui.config.train import TrainSettings

VAE_PARAMETERS: Final = 168_695_426
VAE_DECODER_PARAMETERS: Final = 84_414_082
"""Of the published VAE. The decoder's weights are there twice while it runs: as stored, and normalised."""
VAE_FRAME_ELEMENTS: Final = 1920 * 128 * 4.6
"""In flight for each latent frame: 1920 samples of 128 channels, four and a half times at the last upsampling."""
SMALLEST_TILE_FRAMES: Final = 25 + 2 * 12
"""A second with the decoder's reach to both sides. Where a card is full, `acestep/vae.py` goes down to this."""

_FP32: Final = 4
_GUIDED: Final = 2  # with and without the condition at once; turbo does without
_LATENT_CHANNELS, _CONTEXT_CHANNELS = 64, 128


def sampling_bytes(settings: TrainSettings, shape: DitShape, element: int) -> int:
    """What generating one song takes beside model, adapter and optimizer; 0 where the run makes none by itself.

    Songs on request do not count: where there is no room for one the run says so and goes on.
    """
    samples = settings.samples
    if samples.every_epochs is None or not (samples.songs or split_captions(samples.prompts)):
        return 0
    frames = round(samples.duration * FRAMES_PER_SECOND)
    weights = (VAE_PARAMETERS + VAE_DECODER_PARAMETERS) * element
    decoding = weights + round(min(frames, SMALLEST_TILE_FRAMES) * VAE_FRAME_ELEMENTS * element)
    return max(forward_bytes(shape, _GUIDED * Load(frames).tokens, element), decoding)


def forward_bytes(shape: DitShape, tokens: int, element: int) -> int:
    """In flight in a pass of the DiT without gradients: an estimate that a test holds against small models.

    The feed-forward's gate, up and their product, the residual, and queries, keys and values in three windows.
    """
    return tokens * (3 * shape.mlp + 2 * shape.hidden + 8 * shape.attention) * element


def prior_load(settings: TrainSettings, load: Load) -> Load | None:
    """What a step of prior preservation runs on; None without it. Its captions count like the longest song's texts."""
    objective = settings.objective
    if objective.prior_weight == 0:
        return None
    return Load(round(objective.prior_seconds * FRAMES_PER_SECOND), load.condition_tokens)


def prior_bytes(settings: TrainSettings, shape: DitShape, load: Load, element: int) -> int:
    """The prior's songs, which stay on the card: latents, contexts and conditions."""
    prior = prior_load(settings, load)
    if prior is None:
        return 0
    frames = prior.frames * (_LATENT_CHANNELS + _CONTEXT_CHANNELS) * _FP32
    one = frames + prior.condition_tokens * shape.condition * element
    return one * len(split_captions(settings.objective.prior_prompts))
