"""Changes of settings that save card memory: the cheapest that makes a run fit, and those that save most."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from sidestep_tui.config.dit_shape import DitShape
from sidestep_tui.config.fields import look_up, put
from sidestep_tui.config.memory import MemoryEstimate, estimate_memory
from sidestep_tui.config.memory_load import Load
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.told import told

_CROPS: Final = (120.0, 60.0, 30.0)
_SMALLEST_RANK: Final = 4
_SAMPLE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Change:
    """Settings to change, by dotted path, what it costs in words, and the memory afterwards."""

    values: Mapping[str, Any]
    cost: str
    memory: MemoryEstimate


def cheapest_fit(settings: TrainSettings, shape: DitShape, free_bytes: int, load: Load | None = None) -> Change | None:
    """The change to make, or None when the run fits already or nothing here makes it fit.

    Single changes are tried first, from those that cost only time to those that cost capacity; then they are added up
    in the same order, without those that the ones before them rule out.
    """
    now = estimate_memory(settings, shape, load)
    if now.fits(free_bytes):
        return None
    document = settings.model_dump(mode="json")
    values: dict[str, Any] = {}
    costs: list[str] = []
    for change, cost in _changes(settings, now):
        alone = _try(document, change, cost, shape, load)
        if alone is not None and alone.memory.fits(free_bytes):
            return alone
    for change, cost in _changes(settings, now):
        added = list(dict.fromkeys([*costs, cost]))
        together = _try(document, values | change, "; ".join(added), shape, load)
        if together is None:
            continue
        if together.memory.fits(free_bytes):
            return together
        values, costs = values | change, added
    return None


def largest_savings(settings: TrainSettings, shape: DitShape, load: Load, count: int = 3) -> list[tuple[Change, int]]:
    """The single changes that save most, one for each kind of change, with the bytes that each saves.

    Of a kind with several degrees the mildest is taken, except where more costs nothing but time.
    """
    now = estimate_memory(settings, shape, load)
    document = settings.model_dump(mode="json")
    best: dict[frozenset[str], tuple[Change, int]] = {}
    for values, cost in _changes(settings, now):
        change = _try(document, values, cost, shape, load)
        if change is None:
            continue
        kind, saved = frozenset(values), now.total - change.memory.total
        if saved > 0 and (kind not in best or "memory.checkpointing" in kind):
            best[kind] = (change, saved)
    return sorted(best.values(), key=lambda entry: entry[1], reverse=True)[:count]


def _try(
    document: dict[str, Any], values: Mapping[str, Any], cost: str, shape: DitShape, load: Load | None
) -> Change | None:
    """The change and what it comes to; None where the settings that it gives contradict each other."""
    for path, value in values.items():
        document = put(document, path, value)
    try:
        settings = TrainSettings.model_validate(document)
    except ValidationError:
        return None
    return Change(dict(values), cost, estimate_memory(settings, shape, load))


def _changes(settings: TrainSettings, now: MemoryEstimate) -> Iterator[tuple[dict[str, Any], str]]:
    """Changes in the order of what they cost; `now` is what the run takes as it is."""
    yield from _time_alone(settings, now)
    yield from _other_numbers(settings)


def _time_alone(settings: TrainSettings, now: MemoryEstimate) -> Iterator[tuple[dict[str, Any], str]]:
    """Changes after which the run learns the same; samples alone may be shorter."""
    if now.sampling > now.step and settings.samples.duration > _SAMPLE_SECONDS:
        yield {"samples.duration": _SAMPLE_SECONDS}, told("shorter samples")
    order, policy = ("none", "half", "all", "offload"), settings.memory.checkpointing
    for level in order[order.index("all" if policy == "auto" else policy) + 1 :]:  # an estimate takes auto for all
        yield {"memory.checkpointing": level}, told("slower steps, the same numbers")
    batch, accumulation = settings.training.batch_size, settings.training.gradient_accumulation
    if batch > 1 and batch * accumulation <= 256:
        yield (
            {"training.batch_size": 1, "training.gradient_accumulation": batch * accumulation},
            told("songs one after another, the same numbers"),
        )
    if settings.training.processes > 1 and settings.training.sharding == "none":
        yield {"training.sharding": "fsdp"}, told("slower steps, the same numbers")
    if settings.memory.attention == "reference":
        yield {"memory.attention": "banded"}, told("the same numbers within rounding")
    if not settings.memory.stream_blocks:
        for change in _streaming(settings):
            yield change, told("blocks in the computer's memory, slower steps, the same numbers")


def _other_numbers(settings: TrainSettings) -> Iterator[tuple[dict[str, Any], str]]:
    """Changes that cost precision, context or capacity."""
    if settings.optimizer.name == "adamw":
        yield {"optimizer.name": "adamw8bit"}, told("the optimizer's state in 8 bits (bitsandbytes)")
    for seconds in _CROPS:
        if settings.data.crop_seconds is None or settings.data.crop_seconds > seconds:
            yield {"data.crop_seconds": seconds}, told("windows instead of whole songs")
    document = settings.model_dump(mode="json")
    rank = look_up(document, "adapter.rank")
    for smaller in _powers_below(rank or 0):
        rank = smaller
        yield {"adapter.rank": rank, **_scaled_alpha(document, rank)}, told("a smaller adapter")
    if settings.adapter.targets.mlp and settings.adapter.targets.attention != "none":
        yield {"adapter.targets.mlp": False}, told("attention alone learns")
    if settings.training.sharding == "none" and settings.memory.weights == "full":
        for kind in ("int8", "nf4"):
            plain = {"memory.compile": False} if settings.memory.compile else {}
            yield {"memory.weights": kind, **plain}, told("slower steps on rounded weights")


def _streaming(settings: TrainSettings) -> Iterator[dict[str, Any]]:
    """Streamed blocks, with what they need where it stands otherwise: recomputed, and not compiled."""
    change: dict[str, Any] = {"memory.stream_blocks": True}
    if settings.memory.compile:
        change["memory.compile"] = False
    if settings.memory.checkpointing in ("none", "half"):
        yield from (change | {"memory.checkpointing": level} for level in ("all", "offload"))
    else:
        yield change


def _powers_below(rank: int) -> Iterator[int]:
    """Powers of two below a rank, the largest first."""
    power = 1 << max(0, rank - 1).bit_length() - 1 if rank > 1 else 0
    while power >= _SMALLEST_RANK:
        yield power
        power //= 2


def _scaled_alpha(document: dict[str, Any], rank: int) -> dict[str, Any]:
    """Alpha that keeps the update's scale alpha/rank."""
    return {"adapter.alpha": look_up(document, "adapter.alpha") * rank / look_up(document, "adapter.rank")}
