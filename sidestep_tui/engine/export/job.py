"""The job `export`: a trained adapter in the form that a consumer loads, read back and compared before it counts."""

import shutil
from glob import escape
from pathlib import Path
from typing import Final

import torch

from sidestep_tui.acestep.checkpoint import Checkpoint, open_checkpoint
from sidestep_tui.acestep.layout import Layout
from sidestep_tui.acestep.model_config import Variant
from sidestep_tui.acestep.precisions import PRECISIONS
from sidestep_tui.config.jobs import ExportFormat, ExportSettings
from sidestep_tui.engine.adapters.adapter import AdapterFile, read_adapter
from sidestep_tui.engine.adapters.place import COMFYUI_FILE
from sidestep_tui.engine.context import JobContext, Results
from sidestep_tui.engine.export.difference import extract_lora
from sidestep_tui.engine.export.formats import FORMATS, Modules
from sidestep_tui.engine.export.merge import write_merged
from sidestep_tui.engine.export.model_card import default_output, model_card
from sidestep_tui.engine.export.modules import family_of, split_modules
from sidestep_tui.engine.export.push import push_folder
from sidestep_tui.engine.export.rank import reduce_rank
from sidestep_tui.engine.velocity_record import RECORD_FILE
from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.files import directory_atomic, sweep, write_text_atomic
from sidestep_tui.runs.events import PhaseChanged
from sidestep_tui.runs.log import read_events

_DESCRIBING: Final = "writing the model card"
_RANK: Final = 64  # of a LoRA from a difference, where none is given


def run(context: JobContext, settings: ExportSettings) -> Results:
    """Writes the adapter into a new folder, proves that it does what was trained, and puts a model card beside it.

    Raises:
        UsageError: a merged export without a model.
        SidestepError: the adapter cannot be read, its consumer cannot take its family, or the output exists.
    """
    context.phase("reading the adapter", subject=str(settings.adapter))
    file, kept = _extract(context, settings) if settings.from_difference else _read(settings)
    modules = split_modules(file)
    output = settings.output or default_output(settings, file, modules)
    sweep(output.parent, escape(output.name[:40]))  # of a merged model a killed run leaves gigabytes
    results: Results = {"modules": len(modules)}
    if not (output.is_dir() and _wrote_it_before(context)):
        if settings.format == "merged":
            _merge(context, settings, modules, output)
        else:
            results["largest_relative_difference"] = _write(context, settings, file, modules, output)
    context.phase(_DESCRIBING)
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    write_text_atomic(output / "README.md", model_card(settings, output.name, file, modules))
    if settings.push is not None:
        context.phase("uploading", subject=settings.push)
        results["pushed"] = push_folder(output, settings.push, context.run.path, public=settings.public)
    return results | {
        "output": str(output),
        "format": settings.format,
        "family": family_of(file.config),
        "bytes": size,
        "energy_kept": round(kept, 6),
    }


def _wrote_it_before(context: JobContext) -> bool:
    """Whether this run had written the folder before it was killed, or its upload failed."""
    told = read_events(context.run.events_file)
    return any(isinstance(event, PhaseChanged) and event.phase == _DESCRIBING for event in told)


def _read(settings: ExportSettings) -> tuple[AdapterFile, float]:
    """The adapter, reduced where that is asked for, and the share of its energy that is kept."""
    file = read_adapter(settings.adapter)
    return (file, 1.0) if settings.rank is None else reduce_rank(file, settings.rank)


def _extract(context: JobContext, settings: ExportSettings) -> tuple[AdapterFile, float]:
    """The difference of two models as a LoRA, and the share of its energy that is kept."""
    assert settings.from_difference is not None
    base, tuned = (open_checkpoint(path, Variant.TURBO) for path in (settings.from_difference, settings.adapter))
    found = extract_lora(
        base, tuned, settings.rank or _RANK, lambda done, total: context.progress(done, total, "modules")
    )
    if found.left_out:
        context.warn_once(
            f"{len(found.left_out)} tensors differ that a LoRA does not reach, for instance {found.left_out[0]}.",
            settings.adapter,
            "the adapter lacks their part of the change",
        )
    return found.file, found.energy_kept


def _write(context: JobContext, settings: ExportSettings, file: AdapterFile, modules: Modules, output: Path) -> float:
    """The adapter alone, read back as its consumer reads it before the folder gets its name; how far it is off."""
    family, form, dtype = family_of(file.config), FORMATS[settings.format], PRECISIONS[settings.precision or "float32"]
    if family not in form.families:
        takers = [name for name, other in FORMATS.items() if family in other.families]
        raise SidestepError(
            f"An adapter of the family {family} cannot be exported for {settings.format}: {form.refusal}.",
            where=settings.adapter,
            fix=f"choose one of: {', '.join([*takers, 'merged'])}",
        )
    context.phase("writing", subject=settings.format)
    with directory_atomic(output) as folder:
        form.write(folder, file, modules, dtype)
        context.phase("checking")
        difference = largest_difference(modules, form.read(folder))
        _check_difference(difference, dtype, settings.format, output)
        record = settings.adapter / RECORD_FILE
        if record.is_file() and settings.rank is None:  # a reduced adapter does something else
            shutil.copyfile(record, folder / RECORD_FILE)
        if (single := folder / COMFYUI_FILE).is_file():  # lies among many in ComfyUI's folder: named after the output
            single.rename(folder / f"{output.name}.safetensors")
    return difference


def _merge(context: JobContext, settings: ExportSettings, modules: Modules, output: Path) -> None:
    """The whole model with the adapter in its weights."""
    if settings.checkpoint is None:
        raise UsageError("A merged export needs the model.", where="checkpoint", fix="name it with --checkpoint")
    checkpoint = _open(settings, settings.checkpoint)
    context.phase("merging", subject=checkpoint.path.name)
    write_merged(
        output,
        checkpoint,
        modules,
        None if settings.layout is None else Layout(settings.layout),
        None if settings.precision is None else PRECISIONS[settings.precision],
        lambda done, total: context.progress(done, total, "tensors"),
    )


def _open(settings: ExportSettings, path: Path) -> Checkpoint:
    """The model to merge into; one that does not say its variant may be merged in the layout that it has."""
    try:
        return open_checkpoint(path, None if settings.base is None else Variant(settings.base))
    except SidestepError:
        if settings.layout is not None:  # another layout's config has to name it
            raise
        return open_checkpoint(path, Variant.TURBO)


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


def _check_difference(difference: float, dtype: torch.dtype, name: ExportFormat, where: Path) -> None:
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
