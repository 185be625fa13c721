"""The numbers of a checkpoint: which variant it is, and what its modules are built with (no torch here)."""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sidestep_tui.config.variants import TIMESTEP_MU, TIMESTEP_SIGMA
from sidestep_tui.errors import SidestepError

SAMPLE_RATE = 48_000
"""Audio samples per second and channel."""

HOP = 1920
"""Audio samples per latent frame."""

LATENT_RATE = SAMPLE_RATE // HOP
"""Latent frames per second."""

LATENT_CHANNELS = 64


class Variant(StrEnum):
    """What a checkpoint was trained for: `turbo` is distilled to 8 steps without guidance, the others are not."""

    TURBO = "turbo"
    BASE = "base"
    SFT = "sft"


@dataclass(frozen=True)
class ModelConfig:
    """The numbers of one ACE-Step 1.5 model.

    `timestep_mu` and `timestep_sigma` are the training law of the timesteps; `timbre_fix_frame` is the length in latent
    frames of the timbre reference; `encoder_hidden_size` is the width of the condition sequence.
    """

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    intermediate_size: int
    encoder_hidden_size: int
    text_hidden_dim: int
    sliding_window: int
    layer_types: tuple[str, ...]
    patch_size: int
    in_channels: int
    latent_channels: int
    timestep_mu: float
    timestep_sigma: float
    timbre_fix_frame: int
    is_turbo: bool

    @property
    def is_xl(self) -> bool:
        """XL models have a DiT that is wider than their condition encoder."""
        return self.hidden_size != self.encoder_hidden_size


_SHARED_KEYS = (
    "head_dim",
    "rope_theta",
    "attention_bias",
    "attention_dropout",
    "rms_norm_eps",
    "sliding_window",
)
_SIZE_KEYS = ("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads")
_TOKEN_KEYS = ("audio_acoustic_hidden_dim", "pool_window_size", "num_attention_pooler_hidden_layers")
_OWN_KEYS = {
    "transformer": (
        *_SIZE_KEYS,
        "num_hidden_layers",
        "in_channels",
        "audio_acoustic_hidden_dim",
        "patch_size",
        "layer_types",
        "encoder_hidden_size",
    ),
    "condition_encoder": (
        "text_hidden_dim",
        "timbre_hidden_dim",
        "num_lyric_encoder_hidden_layers",
        "num_timbre_encoder_hidden_layers",
    ),
    "audio_tokenizer": (*_TOKEN_KEYS, "fsq_dim", "fsq_input_levels", "fsq_input_num_quantizers"),
    "audio_token_detokenizer": _TOKEN_KEYS,
}


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object from a file of a checkpoint.

    Raises:
        SidestepError: there is no such file, or it holds no JSON object.
    """
    try:
        document = json.loads(file.read_text("utf-8"))
    except FileNotFoundError as error:
        raise SidestepError(
            f"The model folder has no {file.name}.",
            where=file,
            fix="download the model again",
        ) from error
    except ValueError as error:
        raise SidestepError("The file is not valid JSON.", where=file, fix="download the model again") from error
    if not isinstance(document, dict):
        raise SidestepError("The file does not hold a JSON object.", where=file, fix="download the model again")
    return document


def read_component_config(folder: Path) -> dict[str, Any]:
    """A component's diffusers config without the library's own bookkeeping (`_class_name`, `_diffusers_version`).

    Raises:
        SidestepError: as `read_json`.
    """
    document = read_json(folder / "config.json")
    return {key: value for key, value in document.items() if not key.startswith("_")}


def component_arguments(original: dict[str, Any], component: str) -> dict[str, Any]:
    """What a diffusers class is built with, from the original layout's one `config.json`.

    XL configs size everything but the DiT by `encoder_*` keys.
    """
    keys = _SHARED_KEYS + _OWN_KEYS[component]
    arguments = {key: original[key] for key in keys if key in original}
    if component != "transformer":
        arguments |= {key: original.get(f"encoder_{key}", original[key]) for key in _SIZE_KEYS}
    return arguments


def original_document(components: dict[str, dict[str, Any]], config: ModelConfig) -> dict[str, Any]:
    """The original layout's `config.json` from what the diffusers classes are built with.

    Args:
        components: the arguments of each component.
        config: of the model, for what diffusers does not keep.
    """
    transformer, encoder = components["transformer"], components["condition_encoder"]
    document: dict[str, Any] = {"architectures": ["AceStepConditionGenerationModel"], "model_type": "acestep"}
    for component, arguments in components.items():
        sizes = _SIZE_KEYS if component == "transformer" else ()
        keys = (*_SHARED_KEYS, *_OWN_KEYS[component], *sizes)
        document |= {key: arguments[key] for key in keys if arguments.get(key) is not None}
    if config.is_xl:
        document |= {f"encoder_{key}": encoder[key] for key in _SIZE_KEYS}
    else:
        document.pop("encoder_hidden_size", None)
    return document | {
        "is_turbo": config.is_turbo,
        "model_version": transformer["model_version"],
        "layer_types": list(config.layer_types),
        "timestep_mu": config.timestep_mu,
        "timestep_sigma": config.timestep_sigma,
        "timbre_fix_frame": config.timbre_fix_frame,
    }


def parse_config(transformer: dict[str, Any], encoder: dict[str, Any], source: Path) -> ModelConfig:
    """The model's numbers from the arguments of its transformer and of its condition encoder.

    Both documents may carry ACE-Step's own keys (`timestep_mu` …); the diffusers layout lacks them, and every
    published model has the same values.

    Raises:
        SidestepError: a size is missing or is no number.
    """
    try:
        hidden = int(transformer["hidden_size"])
        layers = int(transformer["num_hidden_layers"])
        types = transformer.get("layer_types") or [
            "full_attention" if index % 2 else "sliding_attention" for index in range(layers)
        ]
        return ModelConfig(
            hidden_size=hidden,
            num_hidden_layers=layers,
            num_attention_heads=int(transformer["num_attention_heads"]),
            num_key_value_heads=int(transformer["num_key_value_heads"]),
            head_dim=int(transformer["head_dim"]),
            intermediate_size=int(transformer["intermediate_size"]),
            encoder_hidden_size=int(transformer.get("encoder_hidden_size") or hidden),
            text_hidden_dim=int(encoder["text_hidden_dim"]),
            sliding_window=int(transformer["sliding_window"]),
            layer_types=tuple(types),
            patch_size=int(transformer["patch_size"]),
            in_channels=int(transformer["in_channels"]),
            latent_channels=int(transformer["audio_acoustic_hidden_dim"]),
            timestep_mu=float(transformer.get("timestep_mu", TIMESTEP_MU)),
            timestep_sigma=float(transformer.get("timestep_sigma", TIMESTEP_SIGMA)),
            timbre_fix_frame=int(transformer.get("timbre_fix_frame", 750)),
            is_turbo=bool(transformer.get("is_turbo", False)),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise SidestepError(
            f"The model's config lacks a usable value for {error}.",
            where=source,
            fix="choose a folder of an ACE-Step 1.5 model",
        ) from error


def find_variant(config: dict[str, Any], base: Variant | None, folder: Path) -> tuple[Variant, str]:
    """The variant that the config names, or the one that the caller gave, which always wins; and how it is known.

    XL configs have no `model_version`; where they are not turbo, the published folder names tell base from sft.

    Raises:
        SidestepError: nothing says what the model was made from (community fine-tunes).
    """
    if base is not None:
        return base, "as given with --base"
    version = config.get("model_version")
    if version in tuple(Variant):
        return Variant(version), "model_version in its config"
    if config.get("is_turbo") is True:
        return Variant.TURBO, "is_turbo in its config"
    for variant in (Variant.BASE, Variant.SFT):
        if config.get("is_turbo") is False and folder.name == f"acestep-v15-xl-{variant}":
            return variant, "the published folder name"
    raise SidestepError(
        "The model does not say whether it was made from turbo, base or sft.",
        where=folder,
        fix="say it: --base turbo, --base base or --base sft",
    )
