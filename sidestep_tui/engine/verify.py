"""The job `verify`: an adapter loaded as its consumer loads it, and what it changes in the model."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.acestep.precisions import PRECISIONS
from sidestep_tui.config.jobs import VerifySettings
from sidestep_tui.engine.adapters.targets import all_targets
from sidestep_tui.engine.context import JobContext, Results
from sidestep_tui.engine.devices import choose_device
from sidestep_tui.engine.export.job import largest_difference
from sidestep_tui.engine.export.merge import ModuleReport, merge_into
from sidestep_tui.engine.export.modules import ModuleAdapter
from sidestep_tui.engine.export.read import read_exported
from sidestep_tui.engine.opening import open_model
from sidestep_tui.engine.velocity_record import VelocityRecord, find_record, fixed_velocity
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import write_json_atomic
from sidestep_tui.told import told

_TOLERANCES: Final = {torch.float32: 1e-4, torch.float16: 5e-3, torch.bfloat16: 4e-2}
"""By the precision of the adapter's file: how far its change may be from the recorded one, or another's (relative)."""
_LOST_ALPHA: Final = told("export it again; a file that lacks alpha is applied at another strength")
_OTHER_RANK: Final = told("it has other ranks, so it does something else; compare an export without --rank")
_ROUNDING: Final = 3e-6
"""Of the velocity itself: what float32 arithmetic in another order, or on another device, moves it by."""


def run(context: JobContext, settings: VerifySettings) -> Results:
    """Measures an adapter; a report with every module lies in the run's folder.

    Raises:
        SidestepError: a module or shape has no partner in the model, a weight is not a number, the adapter does
            nothing, or it differs from the record of its training or from the one that it is held `against`.
    """
    context.phase("reading the adapter", subject=str(settings.adapter))
    form, modules = read_exported(settings.adapter)
    checkpoint = open_model(settings.model)
    _check_partners(settings.adapter, modules, checkpoint)

    context.phase("measuring")
    record = find_record(settings.adapter)
    # A float32 model that was trained in bfloat16 was rounded first: the record is of the rounded weights.
    stored = torch.float32 if record is None else PRECISIONS[record.dtype]
    transformer = checkpoint.load_transformer(choose_device(settings), stored).float()
    plain = fixed_velocity(transformer)
    reports = merge_into(transformer, modules)
    change = fixed_velocity(transformer) - plain
    report_file = settings.output or context.run.path / "verify.json"
    write_json_atomic(report_file, {"form": form, "modules": [asdict(report) for report in reports]})
    if not change.any():
        raise SidestepError(
            "The adapter changes nothing.", where=settings.adapter, fix="train it, or take a later checkpoint"
        )
    difference = None if settings.against is None else _difference(settings.adapter, modules, settings.against)
    results: Results = {
        "form": form,
        "family": next(iter(modules.values())).family,
        **_summary(reports),
        "velocity_change": float(change.norm() / plain.norm()),
        "largest_relative_difference": difference,
        "report": str(report_file),
    }
    if record is None:
        context.warn("There is no record of the training beside the adapter.", settings.adapter, "compare: --against")
        return results
    return results | _compare(settings.adapter, record, plain, change, modules)


def _summary(reports: Sequence[ModuleReport]) -> Results:
    scales = [report.scale for report in reports]
    return {
        "modules": len(reports),
        "dead_modules": sum(report.dead for report in reports),
        "smallest_scale": min(scales),
        "largest_scale": max(scales),
    }


def _check_partners(adapter: Path, modules: Mapping[str, ModuleAdapter], checkpoint: Checkpoint) -> None:
    """Every module of the adapter is one of the model's.

    Raises:
        SidestepError: some are not.
    """
    if unmatched := sorted(modules.keys() - set(all_targets(checkpoint.config))):
        raise SidestepError(
            f"{len(unmatched)} modules of the adapter are not in the model, for instance {unmatched[0]}.",
            where=adapter,
            fix="use the model size that it was trained on",
        )


def _compare(
    adapter: Path, record: VelocityRecord, plain: Tensor, change: Tensor, modules: Mapping[str, ModuleAdapter]
) -> Results:
    """Holds the measured change of the velocity against the one that the training recorded.

    Raises:
        SidestepError: it is another model, or the adapter does something else than it did in training.
    """
    if abs(float(plain.norm()) - record.plain) > 1e-3 * record.plain:
        raise SidestepError(
            "The adapter was trained on another model: this one answers differently without it.",
            where=adapter,
            fix="give the model that it was trained on",
        )
    recorded = max(float(record.change.norm()), 1e-12)
    difference = float((change - record.change).norm()) / recorded
    tolerance = _tolerance(modules) + _ROUNDING * record.plain / recorded
    results: Results = {"difference_from_training": difference, "tolerance": tolerance}
    if difference > tolerance:
        raise SidestepError(
            f"The adapter changes the velocity otherwise than in training: by {difference:.2e} "
            f"(relative; {tolerance:.2g} is allowed).",
            where=adapter,
            fix=_LOST_ALPHA,
        )
    return results


def _difference(adapter: Path, modules: Mapping[str, ModuleAdapter], against: Path) -> float:
    """The largest relative difference from another adapter, which may have been rounded as well.

    Raises:
        SidestepError: it is more than rounding.
    """
    others = read_exported(against)[1]
    difference = largest_difference(others, modules)
    if difference > (tolerance := max(_tolerance(modules), _tolerance(others))):
        raise SidestepError(
            f"The adapter differs from {against} by {difference:.2e} (relative; {tolerance:.2g} is allowed).",
            where=adapter,
            fix=_OTHER_RANK if _ranks(modules) != _ranks(others) else _LOST_ALPHA,
        )
    return difference


def _tolerance(modules: Mapping[str, ModuleAdapter]) -> float:
    """What the coarsest of an adapter's tensors allows; those of one number, such as alpha, do not count."""
    dtypes = {tensor.dtype for one in modules.values() for tensor in one.tensors.values() if tensor.ndim > 0}
    return max(_TOLERANCES.get(dtype, _TOLERANCES[torch.float32]) for dtype in dtypes)


def _ranks(modules: Mapping[str, ModuleAdapter]) -> dict[str, int | None]:
    return {name: module.rank for name, module in modules.items()}
