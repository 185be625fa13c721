"""Everything of a model folder that is not the DiT's or its condition encoder's weights, in either layout."""

import shutil
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
from accelerate import init_empty_weights
from diffusers import AceStepTransformer1DModel
from diffusers.pipelines import ace_step

from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.acestep.layout import TEXT_ENCODER_FOLDER, Layout
from sidestep_tui.acestep.model_config import original_document, read_json
from sidestep_tui.acestep.precisions import precision_name
from sidestep_tui.files import directory_atomic, write_json_atomic

_ORIGINAL_CONFIG: Final = "original_config.json"
"""In a converted folder: the original `config.json`, so that the way back loses nothing. diffusers ignores it."""

_CLASSES: Final[dict[str, Any]] = {
    "transformer": AceStepTransformer1DModel,
    "condition_encoder": ace_step.AceStepConditionEncoder,
    "audio_tokenizer": ace_step.AceStepAudioTokenizer,
    "audio_token_detokenizer": ace_step.AceStepAudioTokenDetokenizer,
}
_SHARED_CLASSES: Final = {
    "scheduler": ("diffusers", "FlowMatchEulerDiscreteScheduler"),
    "text_encoder": ("transformers", "Qwen3Model"),
    "tokenizer": ("transformers", "PreTrainedTokenizerFast"),
    "vae": ("diffusers", "AutoencoderOobleck"),
}
_WEIGHTS: Final = ("*.safetensors", "*.safetensors.index.json")
_ENCODER: Final = ("config.json", "generation_config.json", *_WEIGHTS)
_TOKENIZER: Final = (
    *("tokenizer*", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "merges.txt", "chat_template*"),
)


def write_diffusers_files(folder: Path, checkpoint: Checkpoint) -> None:
    """Configurations, scheduler, VAE, text encoder and tokenizer of a pipeline folder."""
    if checkpoint.layout is Layout.DIFFUSERS:
        shutil.copytree(checkpoint.path, folder, dirs_exist_ok=True, ignore=_own_weights(checkpoint))
        return
    document = read_json(checkpoint.path / "config.json")
    write_json_atomic(folder / _ORIGINAL_CONFIG, document)
    for component in checkpoint.stored_components:
        with init_empty_weights():
            module = _CLASSES[component](**checkpoint.arguments(component))
        module.save_config(folder / component)
    diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0).save_config(folder / "scheduler")
    libraries = {name: "diffusers" if name == "transformer" else "ace_step" for name in checkpoint.stored_components}
    classes = {name: (library, _CLASSES[name].__name__) for name, library in libraries.items()} | _SHARED_CLASSES
    index = {"_class_name": "AceStepPipeline", "_diffusers_version": diffusers.__version__}
    write_json_atomic(folder / "model_index.json", index | classes)
    shutil.copytree(checkpoint.folders.part("vae"), folder / "vae")
    qwen = checkpoint.folders.part("text_encoder")
    _copy_some(qwen, folder / "text_encoder", _ENCODER)
    _copy_some(qwen, folder / "tokenizer", _TOKENIZER)


def write_original_files(folder: Path, checkpoint: Checkpoint, dtype: torch.dtype | None) -> None:
    """`config.json`, `silence_latent.pt`, and what else lay beside the weights.

    ACE-Step's own application finds its modelling code there; it is copied and never run.
    """
    if checkpoint.layout is Layout.ORIGINAL:
        shutil.copytree(checkpoint.path, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_WEIGHTS))
        document = read_json(checkpoint.path / "config.json")
    else:
        kept = checkpoint.path / _ORIGINAL_CONFIG
        document = read_json(kept) if kept.is_file() else _assembled(checkpoint)
        torch.save(checkpoint.silence_latent().T[None].contiguous(), folder / "silence_latent.pt")
    if dtype is not None:
        document["dtype"] = precision_name(dtype)
    write_json_atomic(folder / "config.json", document)


Siblings = dict[Path, list[Path]]
"""Folders that are to lie beside a model, with what is copied into each."""


def lacking_siblings(output: Path, checkpoint: Checkpoint) -> Siblings:
    """VAE and text encoder, where they do not lie yet beside a model in the original layout.

    Raises:
        SidestepError: the checkpoint lacks one of them too.
    """
    parts = {"vae": ("vae",), TEXT_ENCODER_FOLDER: ("text_encoder", "tokenizer")}
    return {
        output.parent / name: [checkpoint.folders.part(part) for part in needed]
        for name, needed in parts.items()
        if not (output.parent / name).exists()
    }


def write_siblings(siblings: Siblings) -> None:
    """Copies what `lacking_siblings` found, unless another export into the same folder has done so since."""
    for place, sources in siblings.items():
        if place.exists():
            continue
        with directory_atomic(place) as folder:
            for source in sources:
                shutil.copytree(source, folder, dirs_exist_ok=True)


def _assembled(checkpoint: Checkpoint) -> dict[str, Any]:
    arguments = {component: checkpoint.arguments(component) for component in checkpoint.stored_components}
    return original_document(arguments, checkpoint.config)


def _own_weights(checkpoint: Checkpoint) -> Callable[[str, list[str]], set[str]]:
    """For copytree: leaves out the weights that are written anew, keeps those of VAE and text encoder."""
    folders = {str(checkpoint.folders.part(component)) for component in checkpoint.stored_components}
    return lambda at, names: {n for n in names if at in folders and any(fnmatch(n, pattern) for pattern in _WEIGHTS)}


def _copy_some(source: Path, target: Path, patterns: tuple[str, ...]) -> None:
    target.mkdir()
    for file in sorted(source.iterdir()):
        if any(fnmatch(file.name, pattern) for pattern in patterns):
            shutil.copyfile(file, target / file.name)
