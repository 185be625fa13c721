"""What to say when the card's memory does not suffice: what was being done, and what would save most."""

from collections.abc import Sequence

from sidestep_tui.acestep.model_config import LATENT_RATE
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.batches import Batch
from sidestep_tui.errors import SidestepError


def out_of_memory(settings: TrainSettings, batches: Sequence[Batch], error: Exception) -> SidestepError:
    """The failure, with the settings that save most first."""
    frames = max(batch.x0.shape[1] for batch in batches)
    advice = []
    if settings.memory.checkpointing != "all":
        advice.append("memory.checkpointing all (activations of one layer instead of all)")
    if settings.training.batch_size > 1:
        half = settings.training.batch_size // 2
        advice.append(f"training.batch_size {half} with twice the gradient_accumulation (same steps, half the memory)")
    seconds = frames / LATENT_RATE
    if seconds > 60:
        advice.append(f"data.crop_seconds {round(seconds / 2)} (half the activations)")
    advice.append("a smaller adapter.rank")
    first_line = str(error).split(". ")[0]
    return SidestepError(
        f"The device's memory does not suffice for {seconds:.0f} s of song in a batch of "
        f"{settings.training.batch_size}: {first_line}.",
        where="memory",
        fix="; or ".join(advice[:3]),
    )
