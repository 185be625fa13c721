"""Changes of settings that save card memory: the cheapest that makes a run fit, and those that save most."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from sidestep_tui.config.adapter import has_dropout
from sidestep_tui.config.dit_shape import DitShape
from sidestep_tui.config.fields import look_up, put
from sidestep_tui.config.libraries import has_bitsandbytes
from sidestep_tui.config.memory.estimate import MemoryEstimate, estimate_memory
from sidestep_tui.config.memory.load import Load
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


class _Price(IntEnum):
    """What kind of thing a change costs, the dearest last."""

    TIME = 0
    ROUNDING = 1
    RESULT = 2


class _Proposal(NamedTuple):
    """Settings to change, and what that costs, in words and in kind."""

    values: Mapping[str, Any]
    cost: str
    price: _Price


def cheapest_fit(settings: TrainSettings, shape: DitShape, free_bytes: int, load: Load | None = None) -> Change | None:
    """The change to make, or None when the run fits already or nothing here makes it fit.

    Single changes are tried first, from those that cost only time to those that cost capacity; then they are added up
    in the same order, without those that the ones before them rule out. Together they cost what the dearest of them do:
    where one changes the numbers, it is not said that another leaves them the same. What needs a library that is not
    installed comes in only where nothing fits without it, and says so.
    """
    now = estimate_memory(settings, shape, load)
    if now.fits(free_bytes):
        return None
    proposals = list(_proposals(settings, shape, now))
    installed = [proposal for proposal in proposals if not _needs_library(proposal.values)]
    document = settings.model_dump(mode="json")
    fit = _first_fit(document, installed, shape, free_bytes, load)
    if fit is None and len(installed) < len(proposals):
        fit = _first_fit(document, proposals, shape, free_bytes, load)
    return fit


def largest_savings(settings: TrainSettings, shape: DitShape, load: Load, count: int = 3) -> list[tuple[Change, int]]:
    """The single changes that save most, one for each kind of change, with the bytes that each saves.

    Of a kind with several degrees the mildest is taken, except where more costs nothing but time. What needs a library
    that is not installed comes in only where nothing else saves.
    """
    now = estimate_memory(settings, shape, load)
    document = settings.model_dump(mode="json")
    best: dict[frozenset[str], tuple[Change, int]] = {}
    for proposal in _proposals(settings, shape, now):
        change = _try(document, [proposal], shape, load)
        if change is None:
            continue
        kind, saved = frozenset(proposal.values), now.total - change.memory.total
        if saved > 0 and (kind not in best or proposal.price is _Price.TIME):
            best[kind] = (change, saved)
    installed = [saving for saving in best.values() if not _needs_library(saving[0].values)]
    return sorted(installed or best.values(), key=lambda saving: saving[1], reverse=True)[:count]


def _first_fit(
    document: dict[str, Any], proposals: Sequence[_Proposal], shape: DitShape, free_bytes: int, load: Load | None
) -> Change | None:
    """The first proposal that makes the run fit, else the first so many of them that do together."""
    for proposal in proposals:
        alone = _try(document, [proposal], shape, load)
        if alone is not None and alone.memory.fits(free_bytes):
            return alone
    added: list[_Proposal] = []
    for proposal in proposals:
        together = _try(document, [*added, proposal], shape, load)
        if together is None:
            continue
        if together.memory.fits(free_bytes):
            return together
        added.append(proposal)
    return None


def _try(document: dict[str, Any], proposals: Sequence[_Proposal], shape: DitShape, load: Load | None) -> Change | None:
    """The proposals together and what they come to; None where the settings that they give contradict each other."""
    values = {path: value for proposal in proposals for path, value in proposal.values.items()}
    for path, value in values.items():
        document = put(document, path, value)
    try:
        settings = TrainSettings.model_validate(document)
    except ValidationError:
        return None
    return Change(values, _cost(proposals, values), estimate_memory(settings, shape, load))


def _cost(proposals: Sequence[_Proposal], values: Mapping[str, Any]) -> str:
    """What has to be installed for the values that the proposals come to, and what the dearest of them cost."""
    dearest = max(proposal.price for proposal in proposals)
    needs = [told('needs bitsandbytes: pip install "sidestep-tui[8bit]"')] if _needs_library(values) else []
    return "; ".join(dict.fromkeys([*needs, *(one.cost for one in proposals if one.price == dearest)]))


def _needs_library(values: Mapping[str, Any]) -> bool:
    """Whether settings ask for bitsandbytes where it is not installed."""
    wanted = values.get("optimizer.name") == "adamw8bit" or values.get("memory.weights") == "nf4"
    return wanted and not has_bitsandbytes()


def _proposals(settings: TrainSettings, shape: DitShape, now: MemoryEstimate) -> Iterator[_Proposal]:
    """Proposals in the order of what they cost; `now` is what the run takes as it is."""
    yield from _time_alone(settings, shape, now)
    yield from _other_numbers(settings)


def _time_alone(settings: TrainSettings, shape: DitShape, now: MemoryEstimate) -> Iterator[_Proposal]:
    """Changes after which the run learns the same; samples alone may be shorter."""
    if now.sampling > now.step and settings.samples.duration > _SAMPLE_SECONDS:
        yield _Proposal({"samples.duration": _SAMPLE_SECONDS}, told("shorter samples"), _Price.TIME)
    order, policy = ("none", "half", "all", "offload"), settings.memory.checkpointing
    for level in order[order.index("all" if policy == "auto" else policy) + 1 :]:  # an estimate takes auto for all
        plain = _unrecorded(settings) if level == "offload" or has_dropout(settings.adapter) else {}
        change = {"memory.checkpointing": level, **plain}
        yield _Proposal(change, told("slower steps, the same numbers"), _Price.TIME)
    batch, accumulation = settings.training.batch_size, settings.training.gradient_accumulation
    if batch > 1 and batch * accumulation <= 256:
        one_by_one = {"training.batch_size": 1, "training.gradient_accumulation": batch * accumulation}
        yield _Proposal(one_by_one, told("songs one after another, the same numbers"), _Price.TIME)
    if settings.training.processes > 1 and settings.training.sharding == "none":
        change = {"training.sharding": "fsdp", **_uncompiled(settings), **_unrecorded(settings)}
        yield _Proposal(change, told("slower steps, the same numbers"), _Price.TIME)
    if settings.memory.attention == "reference":
        yield _Proposal({"memory.attention": "banded"}, told("the same numbers within rounding"), _Price.ROUNDING)
    for change in _streaming(settings, shape.layers):
        cost = told("blocks in the computer's memory, slower steps, the same numbers")
        yield _Proposal(change, cost, _Price.TIME)


def _other_numbers(settings: TrainSettings) -> Iterator[_Proposal]:
    """Changes that cost precision, context or capacity."""
    if settings.optimizer.name == "adamw" and settings.model.device not in ("cpu", "mps"):  # bitsandbytes needs CUDA
        cost = told("the optimizer's state in 8 bits (bitsandbytes)")
        yield _Proposal({"optimizer.name": "adamw8bit"}, cost, _Price.RESULT)
    for seconds in _CROPS:
        if settings.data.crop_seconds is None or settings.data.crop_seconds > seconds:
            yield _Proposal({"data.crop_seconds": seconds}, told("windows instead of whole songs"), _Price.RESULT)
    document = settings.model_dump(mode="json")
    rank = look_up(document, "adapter.rank")
    for smaller in _powers_below(rank or 0):
        narrower = {"adapter.rank": smaller, **_scaled_alpha(document, smaller)}
        yield _Proposal(narrower, told("a smaller adapter"), _Price.RESULT)
    if settings.adapter.targets.mlp and settings.adapter.targets.attention != "none":
        yield _Proposal({"adapter.targets.mlp": False}, told("attention alone learns"), _Price.RESULT)
    if settings.training.sharding == "none" and settings.memory.weights == "full":
        for kind in ("int8", "nf4"):
            rounded = {"memory.weights": kind, **_uncompiled(settings)}
            yield _Proposal(rounded, told("slower steps on rounded weights"), _Price.RESULT)


def _streaming(settings: TrainSettings, layers: int) -> Iterator[dict[str, Any]]:
    """A quarter of the blocks streamed, a half, and so on, with what they need where it stands otherwise.

    That is recomputed, not compiled and not recorded.
    """
    recomputed = settings.memory.checkpointing not in ("none", "half")
    for quarter in range(1, 5):
        count = quarter * layers // 4
        if count <= settings.memory.stream_blocks:
            continue
        change = {"memory.stream_blocks": count, **_uncompiled(settings), **_unrecorded(settings)}
        if recomputed:
            yield change
        else:
            yield from (change | {"memory.checkpointing": level} for level in ("all", "offload"))


def _uncompiled(settings: TrainSettings) -> dict[str, Any]:
    return {"memory.compile": False} if settings.memory.compile else {}


def _unrecorded(settings: TrainSettings) -> dict[str, Any]:
    return {"memory.graphs": False} if settings.memory.graphs else {}


def _powers_below(rank: int) -> Iterator[int]:
    """Powers of two below a rank, the largest first."""
    power = 1 << max(0, rank - 1).bit_length() - 1 if rank > 1 else 0
    while power >= _SMALLEST_RANK:
        yield power
        power //= 2


def _scaled_alpha(document: dict[str, Any], rank: int) -> dict[str, Any]:
    """Alpha that keeps the update's scale alpha/rank, where it does not follow the rank by itself."""
    alpha = look_up(document, "adapter.alpha")
    return {} if alpha is None else {"adapter.alpha": alpha * rank / look_up(document, "adapter.rank")}
