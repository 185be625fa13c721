"""Prior preservation: what the model knew about other music, it still says with the adapter on.

DreamBooth (arXiv:2208.12242, section 3.3) lets the frozen model generate songs of the prior first and trains on them
beside the user's. Here too x_t is a noised song of the model's own; but what is asked for is the velocity that the
frozen model itself gives there, not noise - x0, as in learning without forgetting (arXiv:1606.09282): the term is zero
exactly where nothing was forgotten, and its gradient holds no sampling noise of its own.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sidestep_tui.acestep.conditioning import context_latents
from sidestep_tui.acestep.flow import flow_matching_losses, interpolate, sample_timesteps, seeded_generator
from sidestep_tui.acestep.precisions import mixed_precision
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.data.batches import Drawing
from sidestep_tui.engine.generate.known import known_pipeline
from sidestep_tui.engine.generate.pipeline import choose_sampling
from sidestep_tui.engine.generate.song import sample_latents
from sidestep_tui.engine.modes import evaluating, without_adapter
from sidestep_tui.engine.training.setup import Setup
from sidestep_tui.told import told_many

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel


@dataclass(frozen=True, slots=True)
class PriorSong:
    """A song of the model's own: x0 [1, T, 64], condition [1, L, D], context [1, T, 128], on the device."""

    x0: Tensor
    condition: Tensor
    context: Tensor


@dataclass(frozen=True, slots=True)
class Prior:
    """The songs to preserve, and how their draws are made: functions of the run's seed and the step.

    `share` is this rank's part of the gradient, where ranks that share weights all compute the same.
    """

    songs: tuple[PriorSong, ...]
    objective: ObjectiveSettings
    drawing: Drawing
    share: float = 1.0

    def add_gradients(self, transformer: "AceStepTransformer1DModel", step: int) -> float | None:
        """Adds the gradient of `prior_weight` times the loss of this step's song; gives the loss, unweighted.

        None at the steps between, and for a rank that has no songs: one does it for all.
        """
        if not self.songs or step % self.objective.prior_every:
            return None
        drawing, device = self.drawing, transformer.proj_in_conv.weight.device
        generator = seeded_generator(drawing.seed, "prior", step)
        song = self.songs[int(torch.randint(len(self.songs), (1,), generator=generator))]
        law, mu, sigma = self.objective.timesteps, drawing.timestep_mu, drawing.timestep_sigma
        t = sample_timesteps(law, 1, generator, mu=mu, sigma=sigma)
        noise = torch.randn(song.x0.shape, generator=generator)
        torch.manual_seed(seeded_generator(drawing.seed, "prior dropout", step).initial_seed())
        with mixed_precision(transformer):
            loss = prior_loss(transformer, song, noise.to(device), t.to(device))
        (self.share * self.objective.prior_weight * loss).backward()  # type: ignore[no-untyped-call]
        return loss.item()


def prior_loss(transformer: "AceStepTransformer1DModel", song: PriorSong, noise: Tensor, t: Tensor) -> Tensor:
    """Mean squared distance of the adapted model's velocity from the frozen one's at x_t; noise [1, T, 64], t [1]."""
    x_t = interpolate(song.x0, noise, t)
    with torch.no_grad(), without_adapter(transformer):
        frozen = velocity(transformer, x_t, t, song.condition, song.context)
    adapted = velocity(transformer, x_t, t, song.condition, song.context)
    return flow_matching_losses(adapted, frozen)[0]


def build_prior(context: JobContext, objective: ObjectiveSettings, setup: Setup) -> Prior:
    """Lets the frozen model generate the songs of the prior, on the speaking rank, or on all that share its weights.

    Raises:
        SidestepError: what came out is not a number.
    """
    songs, ranks, transformer = setup.songs, setup.place.ranks, setup.model.transformer
    if not setup.prior or not ranks.measures:
        return Prior((), objective, songs.drawing)
    context.phase("generating the prior", told_many("{count} song", "{count} songs", len(setup.prior)))
    made = []
    with evaluating(transformer), without_adapter(transformer):
        for song in setup.prior:
            pipeline = known_pipeline(transformer, song.condition, songs.shared)
            sampling = choose_sampling(song.settings, setup.checkpoint.variant)
            x0 = sample_latents(pipeline, song.settings, sampling)
            silence = context_latents(songs.shared["silence_latent"], len(x0))
            made.append(PriorSong(x0[None].float(), pipeline.condition_encoder.condition, silence[None].to(x0.device)))
    share = 1 / ranks.world if ranks.sharded else 1.0
    return Prior(tuple(made), objective, songs.drawing, share)
