"""Opens the checkpoint that a job's settings name, and refuses tensors that another model's encoders made."""

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.acestep.model_config import Variant
from sidestep_tui.config.model import ModelSettings
from sidestep_tui.engine.data.manifest import Manifest
from sidestep_tui.errors import SidestepError


def open_model(settings: ModelSettings) -> Checkpoint:
    """The checkpoint that the settings name."""
    return open_checkpoint(settings.checkpoint, None if settings.base is None else Variant(settings.base))


def check_same_model(manifest: Manifest, checkpoint: Checkpoint) -> None:
    """Refuses tensors whose conditions were computed by another model.

    Raises:
        SidestepError: the fingerprints differ.
    """
    if manifest.model != checkpoint.fingerprint():
        raise SidestepError(
            f"The songs were preprocessed with another model ({manifest.variant}).",
            where=checkpoint.path,
            fix="preprocess them with this model, or train the model that they were made with",
        )
