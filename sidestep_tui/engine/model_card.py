"""The README.md beside an exported adapter: what it is, how it was trained, how it is loaded."""

import json
from pathlib import Path
from typing import Any, Final

from sidestep_tui.acestep.model_config import Variant
from sidestep_tui.config.jobs import ExportFormat, ExportSettings
from sidestep_tui.engine.adapter import AdapterFile
from sidestep_tui.engine.export_modules import ModuleAdapter, family_of
from sidestep_tui.engine.generate_pipeline import VARIANT_SAMPLING
from sidestep_tui.engine.tensors import read_manifest
from sidestep_tui.errors import SidestepError

_LOADING: Final[dict[ExportFormat, str]] = {
    "peft": "Point ACE-Step's LoRA path to this folder, or load it with `peft.PeftModel.from_pretrained`.",
    "diffusers": "`AceStepPipeline.load_lora_weights` with the path of this folder.",
    "comfyui": "Put `adapter.safetensors` into ComfyUI's `models/loras` and load it with a LoRA loader node.",
    "merged": "Load it like any ACE-Step 1.5 model; no adapter is needed.",
    "lycoris": "Point ACE-Step's LoKr path to `lokr_weights.safetensors`.",
}


def model_card(settings: ExportSettings, file: AdapterFile, modules: dict[str, ModuleAdapter]) -> str:
    """The card as Markdown with the Hub's header."""
    family = family_of(file.config)
    ranks = sorted({module.rank for module in modules.values() if module.rank is not None})
    lines = [
        "---",
        "library_name: " + ("diffusers" if settings.format == "diffusers" else "peft"),
        "pipeline_tag: text-to-audio",
        "tags: [ace-step, music, " + family + "]",
        "---",
        "",
        f"# {settings.output.name}",
        "",
        f"A {family} adapter for ACE-Step 1.5, in the form for {settings.format}. {_LOADING[settings.format]}",
        "",
        "| | |",
        "|---|---|",
        f"| Made for | {file.config.get('base_model_name_or_path') or 'ACE-Step 1.5'} |",
        f"| Adapted modules | {len(modules)} |",
        f"| Rank | {', '.join(map(str, ranks)) or 'whole matrices'} |",
        f"| Precision | {settings.precision} |",
        "| Strength as trained | 1.0 |",
        *(f"| {name} | {value} |" for name, value in _training(settings.adapter)),
    ]
    return "\n".join(lines) + "\n"


def _training(adapter: Path) -> list[tuple[str, Any]]:
    """What the run that the adapter lies in says about its training; nothing when it lies in none."""
    for folder in adapter.resolve().parents:
        try:
            document = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            settings = document["settings"]
            facts = [
                ("Learning rate", settings["optimizer"]["learning_rate"]),
                ("Epochs", settings["training"]["epochs"]),
                ("Seed", settings["training"]["seed"]),
            ]
            tensors = Path(settings["data"]["tensors"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        return facts + _songs(tensors)
    return []


def _songs(tensors: Path) -> list[tuple[str, Any]]:
    """What the songs say, where they still lie: how many, how long, the trigger tag, and how to sample the variant."""
    try:
        manifest = read_manifest(tensors)
    except SidestepError:
        return []
    minutes = sum(song.duration for song in manifest.songs) / 60
    facts = [
        ("Songs", f"{len(manifest.songs)} ({minutes:.1f} minutes)"),
        ("Trigger tag", manifest.dataset.get("custom_tag") or "none"),
        ("Variant", manifest.variant),
    ]
    if manifest.variant in VARIANT_SAMPLING:
        own = VARIANT_SAMPLING[Variant(manifest.variant)]
        guided = "the pipeline's own guidance" if own.guidance_scale is None else "no guidance"
        facts.append(("Recommended", f"{own.steps} steps, shift {own.shift:g}, {guided}"))
    return facts
