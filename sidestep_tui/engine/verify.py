"""The job `verify`: an adapter loaded as its consumer loads it, and what it changes in the model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.acestep.flow import seeded_generator
from sidestep_tui.acestep.keymap import to_diffusers
from sidestep_tui.acestep.model_config import LATENT_CHANNELS
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.config.jobs import VerifySettings
from sidestep_tui.engine.context import JobContext, Results
from sidestep_tui.engine.devices import choose_device
from sidestep_tui.engine.export import largest_difference
from sidestep_tui.engine.export_merge import merged_weight
from sidestep_tui.engine.export_modules import ModuleAdapter
from sidestep_tui.engine.export_read import read_exported
from sidestep_tui.engine.opening import open_model
from sidestep_tui.engine.targets import all_targets
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import write_json_atomic

_FRAMES, _TOKENS, _TIMESTEP = 250, 64, 0.6
_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class ModuleReport:
    """One module: the norm of its change, that of its weight, and whether the adapter does nothing to it."""

    module: str
    rank: int | None
    scale: float
    change: float
    weight: float
    dead: bool


def run(context: JobContext, settings: VerifySettings) -> Results:
    """Measures an adapter; a report with every module lies in the run's folder.

    Raises:
        SidestepError: a module or shape has no partner in the model, a weight is not a number, the adapter does
            nothing, or it differs from the one that it is held `against`.
    """
    context.phase("reading the adapter", str(settings.adapter))
    form, modules = read_exported(settings.adapter)
    checkpoint = open_model(settings.model)
    if unmatched := sorted(modules.keys() - set(all_targets(checkpoint.config))):
        raise SidestepError(
            f"{len(unmatched)} modules of the adapter are not in the model, for instance {unmatched[0]}.",
            where=settings.adapter,
            fix="use the model size that it was trained on",
        )
    difference = None
    if settings.against is not None:
        difference = largest_difference(read_exported(settings.against)[1], modules)

    context.phase("measuring")
    transformer = checkpoint.load_transformer(choose_device(settings), torch.float32)
    plain = _fixed_velocity(transformer, checkpoint)
    reports = put_into(transformer, modules)
    change = float((_fixed_velocity(transformer, checkpoint) - plain).norm() / plain.norm())
    dead = [report.module for report in reports if report.dead]
    report_file = settings.output or context.run.path / "verify.json"
    write_json_atomic(report_file, {"form": form, "modules": [asdict(report) for report in reports]})
    _judge(settings, change, difference)
    return {
        "form": form,
        "family": next(iter(modules.values())).family,
        "modules": len(modules),
        "dead_modules": len(dead),
        "velocity_change": change,
        "largest_relative_difference": difference,
        "report": str(report_file),
    }


def put_into(transformer: nn.Module, modules: Mapping[str, ModuleAdapter]) -> list[ModuleReport]:
    """Adds every module's change to the DiT's weights, in place, and measures it.

    Raises:
        SidestepError: a shape differs, or a change is not a number.
    """
    reports: list[ModuleReport] = []
    for name, module in modules.items():
        linear = transformer.get_submodule(to_diffusers(name))
        weight = linear.get_parameter("weight")
        merged = merged_weight(weight, module)
        change = float((merged - weight).norm())
        if not torch.isfinite(merged).all():
            raise SidestepError(f"Not a number in the adapter of {name}.", fix="use an earlier checkpoint")
        reports.append(ModuleReport(name, module.rank, module.scale, change, float(weight.norm()), change == 0.0))
        weight.data.copy_(merged)
    return reports


def _fixed_velocity(transformer: nn.Module, checkpoint: Checkpoint) -> Tensor:
    """The DiT's answer to inputs that are the same on every machine, [1, 250, 64] on the CPU."""
    generator = seeded_generator(0, "verify")
    noise, condition, context = (
        torch.randn(shape, generator=generator)
        for shape in (
            (1, _FRAMES, LATENT_CHANNELS),
            (1, _TOKENS, checkpoint.config.encoder_hidden_size),
            (1, _FRAMES, 2 * LATENT_CHANNELS),
        )
    )
    with torch.no_grad():
        return velocity(transformer, noise, torch.tensor([_TIMESTEP]), condition, context).cpu()


def _judge(settings: VerifySettings, change: float, difference: float | None) -> None:
    if change == 0.0:
        raise SidestepError(
            "The adapter changes nothing.", where=settings.adapter, fix="train it, or take a later checkpoint"
        )
    if difference is not None and difference > _TOLERANCE:
        raise SidestepError(
            f"The adapter differs from {settings.against} by {difference:.2e} (relative).",
            where=settings.adapter,
            fix="export it again; a file that lacks alpha is applied at another strength",
        )
