"""The job `export`: a trained adapter in the form that a consumer loads, read back and compared before it counts."""

from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError

from sidestep_tui.acestep.checkpoint import open_checkpoint
from sidestep_tui.acestep.model_config import Variant
from sidestep_tui.config.jobs import ExportFormat, ExportPrecision, ExportSettings
from sidestep_tui.engine.adapter import AdapterFile, read_adapter
from sidestep_tui.engine.context import JobContext, Results
from sidestep_tui.engine.export_formats import FORMATS, Modules
from sidestep_tui.engine.export_merge import write_merged
from sidestep_tui.engine.export_modules import family_of, split_modules
from sidestep_tui.engine.export_rank import reduce_rank
from sidestep_tui.engine.model_card import model_card
from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.files import directory_atomic, write_text_atomic

_DTYPES: Final[dict[ExportPrecision, torch.dtype]] = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def run(context: JobContext, settings: ExportSettings) -> Results:
    """Writes the adapter into a new folder, proves that it does what was trained, and puts a model card beside it.

    Raises:
        UsageError: a merged export without a model.
        SidestepError: the adapter cannot be read, its consumer cannot take its family, or the output exists.
    """
    context.phase("reading the adapter", str(settings.adapter))
    file = read_adapter(settings.adapter)
    kept = 1.0
    if settings.rank is not None:
        file, kept = reduce_rank(file, settings.rank)
    results = _merge(context, settings, file) if settings.format == "merged" else _write(context, settings, file)
    size = sum(path.stat().st_size for path in settings.output.rglob("*") if path.is_file())
    card = model_card(settings, file, split_modules(file))
    write_text_atomic(settings.output / "README.md", card)
    return results | {
        "output": str(settings.output),
        "format": settings.format,
        "family": family_of(file.config),
        "bytes": size,
        "energy_kept": round(kept, 6),
    }


def _write(context: JobContext, settings: ExportSettings, file: AdapterFile) -> Results:
    """The adapter alone, read back as its consumer reads it before the folder gets its name."""
    modules, family = split_modules(file), family_of(file.config)
    form, dtype = FORMATS[settings.format], _DTYPES[settings.precision]
    if family not in form.families:
        takers = [name for name, other in FORMATS.items() if family in other.families]
        raise SidestepError(
            f"A {family} adapter cannot be exported for {settings.format}: {form.refusal}.",
            where=settings.adapter,
            fix=f"choose one of: {', '.join([*takers, *(['merged'] if family != 'oft' else [])])}",
        )
    context.phase("writing", settings.format)
    with directory_atomic(settings.output) as folder:
        try:
            form.write(folder, file, modules, dtype)
        except SafetensorError as error:
            raise SidestepError(
                f"The adapter cannot be written: {error}.", where=settings.output, fix="free some disk space"
            ) from error
        context.phase("checking")
        difference = largest_difference(modules, form.read(folder))
        check_difference(difference, dtype, settings.format, settings.output)
    return {"modules": len(modules), "largest_relative_difference": difference}


def _merge(context: JobContext, settings: ExportSettings, file: AdapterFile) -> Results:
    """The whole model with the adapter in its weights."""
    if settings.checkpoint is None:
        raise UsageError("A merged export needs the model.", where="checkpoint", fix="name it with --checkpoint")
    # The variant does not matter to weights; naming one keeps fine-tunes whose config is silent from being refused.
    checkpoint = open_checkpoint(settings.checkpoint, Variant.TURBO)
    modules = split_modules(file)
    context.phase("merging", checkpoint.path.name)
    write_merged(settings.output, checkpoint, modules, lambda done, total: context.progress(done, total, "modules"))
    return {"modules": len(modules)}


def largest_difference(trained: Modules, exported: Modules) -> float:
    """The largest relative difference of what two adapters do to a module, in the Frobenius norm.

    Raises:
        SidestepError: they are not on the same modules.
    """
    if unmatched := sorted(trained.keys() ^ exported.keys()):
        raise SidestepError(
            f"{len(unmatched)} modules of the adapter are not in the exported file, for instance {unmatched[0]}."
        )
    largest = 0.0
    for name, module in trained.items():
        wanted, found = module.effect(), exported[name].effect()
        for what, tensor in wanted.items():
            norm = float(tensor.norm())
            error = float((tensor - found[what]).norm())
            largest = max(largest, error / norm if norm else error)
    return largest


def check_difference(difference: float, dtype: torch.dtype, name: ExportFormat, where: Path) -> None:
    """Holds an export to the rounding of its precision.

    Raises:
        SidestepError: it does something else than the trained adapter.
    """
    if difference > 8 * torch.finfo(dtype).eps:
        raise SidestepError(
            f"The {name} export differs from the trained adapter by {difference:.2e} (relative); it was not kept.",
            where=where,
            fix="choose --precision float32, or report this",
        )
