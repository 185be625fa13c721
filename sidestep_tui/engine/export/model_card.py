"""The README.md beside an exported adapter: what it is, how it was trained, how it is loaded; and its default name."""

import json
import re
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sidestep_tui.acestep.model_config import Variant
from sidestep_tui.config.fields import look_up
from sidestep_tui.config.jobs import ExportFormat, ExportSettings
from sidestep_tui.config.variants import VARIANT_SAMPLING
from sidestep_tui.engine.adapters.adapter import AdapterFile
from sidestep_tui.engine.data.manifest import Manifest, read_manifest
from sidestep_tui.engine.export.modules import ModuleAdapter, family_of
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import SampleWritten
from sidestep_tui.runs.log import EventReader

_LOADING: Final[dict[ExportFormat, str]] = {
    "peft": "Point ACE-Step's LoRA path to this folder, or load it with `peft.PeftModel.from_pretrained`.",
    "diffusers": "`AceStepPipeline.load_lora_weights` with the path of this folder.",
    "comfyui": "Put `{name}.safetensors` into ComfyUI's `models/loras` and load it with a LoRA loader node.",
    "merged": "Load it like any ACE-Step 1.5 model; no adapter is needed.",
    "lycoris": "Point ACE-Step's LoKr path to `lokr_weights.safetensors`.",
}
_TOLD: Final = {
    "Optimizer": "optimizer.name",
    "Learning rate": "optimizer.learning_rate",
    "Schedule": "schedule.name",
    "Epochs": "training.epochs",
    "Batch size": "training.batch_size",
    "Gradient accumulation": "training.gradient_accumulation",
    "Crop (seconds)": "data.crop_seconds",
    "Seed": "training.seed",
}
_SAMPLES: Final = 12


def run_of(adapter: Path) -> RunDirectory | None:
    """The training run that an adapter lies in; model folders have a `config.json` too, and are none."""
    for run in map(RunDirectory, adapter.resolve().parents):
        with suppress(SidestepError, OSError):
            if run.job() == "train":
                return run
    return None


def default_output(settings: ExportSettings, file: AdapterFile, modules: Mapping[str, ModuleAdapter]) -> Path:
    """Where an export goes that was given no place: `RUN/exports/RUN-lora-r64-comfyui`, `RUN-step-800-lora-…`."""
    run, adapter = run_of(settings.adapter), settings.adapter.resolve()
    home = adapter.parent if run is None else run.path
    source = adapter.name if run is None else _named_after(run, adapter)
    ranks = [module.rank for module in modules.values() if module.rank is not None]
    size = f"-r{max(ranks)}" if ranks else ""
    return home / "exports" / f"{source}-{family_of(file.config)}{size}-{settings.format}"


def _named_after(run: RunDirectory, adapter: Path) -> str:
    """What tells the adapters of a run apart: `RUN` is the final one, `RUN-best` and `RUN-step-800` are others."""
    if adapter.parent not in (run.path, run.checkpoints):
        return adapter.name  # it was exported before
    return run.name if adapter == run.final else f"{run.name}-{re.sub(r'-0+(?=[0-9])', '-', adapter.name)}"


def model_card(settings: ExportSettings, name: str, file: AdapterFile, modules: Mapping[str, ModuleAdapter]) -> str:
    """The card as Markdown with the Hub's header. `name` is that of the exported folder."""
    family = family_of(file.config)
    run = run_of(settings.adapter)
    document = _settings(run)
    manifest = _manifest(document)
    tag = manifest.dataset.get("custom_tag") if manifest else None
    base = file.config.get("base_model_name_or_path") or "ACE-Step 1.5"
    precision = settings.precision or ("of the model" if settings.format == "merged" else "float32")
    ranks = sorted({module.rank for module in modules.values() if module.rank is not None})
    scales = sorted({module.scale for module in modules.values() if module.rank is not None})
    facts = {
        "Made for": base,
        "Adapted modules": len(modules),
        "Rank": ", ".join(map(str, ranks)) or "whole matrices",
        **({"Scale of the update": ", ".join(f"{scale:g}" for scale in scales)} if scales else {}),
        "Precision": precision,
        "Strength as trained": "1.0",
        **({} if document is None else _training(settings.adapter, document)),
        **({} if manifest is None else _songs(manifest)),
    }
    lines = [
        *_header(settings, family, tag),
        f"# {name}",
        "",
        _what_it_is(settings, family) + _LOADING[settings.format].format(name=name),
        "",
        "| | |",
        "|---|---|",
        *(f"| {fact} | {value} |" for fact, value in facts.items()),
    ]
    samples = _samples(run)
    if samples:
        lines += ["", "## Samples of the training", "", *(f"- {sample}" for sample in samples)]
    return "\n".join(lines) + "\n"


def _what_it_is(settings: ExportSettings, family: str) -> str:
    article = "An" if family == "oft" else "A"
    if settings.format == "merged":
        return f"ACE-Step 1.5 with {article.lower()} {family} adapter merged into its weights. "
    return f"{article} {family} adapter for ACE-Step 1.5, in the form for {settings.format}. "


def _library(settings: ExportSettings) -> list[str]:
    """The library that loads the folder, where it is one of those that the Hub shows the use of."""
    known = settings.format in ("peft", "diffusers")
    return [f"library_name: {settings.format}"] if known else []


def _header(settings: ExportSettings, family: str, tag: object) -> list[str]:
    """What the Hub reads: library, task, tags, licence and trigger tag."""
    return [
        "---",
        *_library(settings),
        "pipeline_tag: text-to-audio",
        f"tags: [ace-step, music, {family}]",
        *([f"license: {json.dumps(settings.licence)}"] if settings.licence else []),
        *([f"instance_prompt: {json.dumps(tag, ensure_ascii=False)}"] if tag else []),
        "---",
        "",
    ]


def _settings(run: RunDirectory | None) -> dict[str, Any] | None:
    """The settings of a training run, those that it ended with; None where there is none, or none that can be read."""
    if run is None:
        return None
    try:
        return run.settings().model_dump(mode="json")
    except SidestepError:
        return None


def _training(adapter: Path, document: dict[str, Any]) -> dict[str, Any]:
    facts = {fact: value for fact, path in _TOLD.items() if (value := look_up(document, path)) is not None}
    try:
        steps = json.loads((adapter / "trainer.json").read_text(encoding="utf-8"))["step"]
    except (OSError, ValueError, KeyError, TypeError):
        return facts
    return facts | {"Steps": steps}


def _manifest(document: dict[str, Any] | None) -> Manifest | None:
    """The data set, where its tensors still lie."""
    try:
        return None if document is None else read_manifest(Path(document["data"]["tensors"]))
    except (SidestepError, KeyError, TypeError):
        return None


def _songs(manifest: Manifest) -> dict[str, Any]:
    """How many songs, how long, the trigger tag, and how to sample the variant."""
    minutes = sum(song.duration for song in manifest.songs) / 60
    facts: dict[str, Any] = {
        "Songs": f"{len(manifest.songs)} ({minutes:.1f} minutes)",
        "Trigger tag": manifest.dataset.get("custom_tag") or "none",
        "Variant": manifest.variant,
    }
    if manifest.variant in VARIANT_SAMPLING:
        own = VARIANT_SAMPLING[Variant(manifest.variant).value]
        guided = "the pipeline's own guidance" if own.guidance_scale is None else "no guidance"
        facts["Recommended"] = f"{own.steps} steps, shift {own.shift:g}, {guided}"
    return facts


def _samples(run: RunDirectory | None) -> list[str]:
    """The newest songs that the run generated while it trained, with their prompts."""
    if run is None:
        return []
    events = EventReader(run.events_file).stream()
    newest = deque((event for event in events if isinstance(event, SampleWritten)), _SAMPLES)
    return [
        f"`{Path(event.path).name}`: {event.prompt}" + ("" if event.step is None else f" (step {event.step})")
        for event in newest
    ]
