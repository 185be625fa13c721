"""`memory.checkpointing auto`: the fastest policy that fits, from what was measured here, else from the estimate.

A preflight tries the policies from the fastest to the smallest and remembers each; a run with the same model, songs and
settings on the same kind of card takes the fastest of those that fit into what is free now.
"""

from itertools import product
from typing import Final

import torch
from pydantic import ValidationError

from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.config.dit_shape import DitShape
from sidestep_tui.config.memory.estimate import MARGIN, estimate_memory
from sidestep_tui.config.memory.load import Load
from sidestep_tui.config.train import Checkpointing, TrainSettings
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.data.library import read_library
from sidestep_tui.engine.devices import choose_device, choose_dtype
from sidestep_tui.engine.memory.peak import PeakMemory
from sidestep_tui.engine.opening import open_model
from sidestep_tui.runs.measured import CPU, recall
from sidestep_tui.told import told

_FASTEST_FIRST: Final[tuple[Checkpointing, ...]] = ("none", "half", "all", "offload")


def card_name(device: torch.device) -> str:
    """The name under which measurements of a device are remembered."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else CPU


def policies_for(settings: TrainSettings) -> tuple[Checkpointing, ...]:
    """What `auto` may choose, the fastest first: streamed blocks are recomputed, recorded steps stay on the card."""
    policies = _FASTEST_FIRST[2:] if settings.memory.stream_blocks else _FASTEST_FIRST
    return tuple(policy for policy in policies if not (settings.memory.graphs and policy == "offload"))


def with_policy(settings: TrainSettings, policy: Checkpointing) -> TrainSettings:
    """The same settings with another policy."""
    memory = settings.memory.model_copy(update={"checkpointing": policy})
    return settings.model_copy(update={"memory": memory})


def other_ways(settings: TrainSettings, device: torch.device) -> tuple[TrainSettings, ...]:
    """The same settings with compiled blocks, recorded steps, both or neither, where they allow it and the device can.

    What they are already is not among them.
    """
    ways = []
    for compiled, recorded in product((False, True), repeat=2):
        memory = settings.memory.model_copy(update={"compile": compiled, "graphs": recorded})
        if memory == settings.memory or (recorded and device.type != "cuda"):
            continue
        try:
            ways.append(TrainSettings.model_validate(settings.model_dump() | {"memory": memory.model_dump()}))
        except ValidationError:  # these settings rule it out
            continue
    return tuple(ways)


def with_chosen_policy(context: JobContext, settings: TrainSettings) -> TrainSettings:
    """The settings with a policy in place of `auto`, and what it rests on told as a phase.

    Raises:
        SidestepError: the data set or the model cannot be opened.
    """
    if settings.memory.checkpointing != "auto":
        return settings
    device = choose_device(settings)
    free = int(PeakMemory(device).free * (1 - MARGIN))
    policy, reason = _choose(settings, device, free)
    context.phase("choosing what is recomputed", f"memory.checkpointing {policy}, {reason}")
    return with_policy(settings, policy)


def _choose(settings: TrainSettings, device: torch.device, free: int) -> tuple[Checkpointing, str]:
    """The fastest policy that fits; the smallest where none does, and the run will say so itself."""
    card, policies = card_name(device), policies_for(settings)
    for policy in policies:
        known = recall(with_policy(settings, policy), card)
        if known is not None and known.peak_bytes is not None and known.peak_bytes <= free:
            return policy, told("as measured by a preflight")
    failed = [policy for policy in policies if recall(with_policy(settings, policy), card) is not None]
    smaller = policies[policies.index(failed[-1]) + 1 :] if failed else policies
    checkpoint = open_model(settings.model)
    for policy in smaller:
        if _estimated(with_policy(settings, policy), checkpoint, device) <= free:
            return policy, told("as estimated; `sidestep preflight` measures it")
    return policies[-1], told("which takes least")


def _estimated(settings: TrainSettings, checkpoint: Checkpoint, device: torch.device) -> int:
    """Bytes at the peak of the longest song, in the precision that the device will compute in."""
    songs = read_library(settings.data).songs
    load = Load(
        max(song.frames for song in songs),
        max(song.condition_tokens for song in songs),
        sum(song.frames for song in songs),
        sum(song.all_condition_tokens for song in songs),
    )
    precision = "bfloat16" if choose_dtype(settings.model, device) == torch.bfloat16 else "float32"
    model = settings.model.model_copy(update={"precision": precision})
    shape = DitShape.from_config(checkpoint.arguments("transformer"))
    return estimate_memory(settings.model_copy(update={"model": model}), shape, load).total
