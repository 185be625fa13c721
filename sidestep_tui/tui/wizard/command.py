"""The command line that does the same as the wizard's document."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sidestep_tui.config.jobs import EstimateSettings
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.schema import EDITED
from sidestep_tui.tui.wizard.values import spell_flag

_MODEL: Final = "model.checkpoint"
_TENSORS: Final = "data.tensors"


def train_command(document: WizardDocument, output: Path) -> str:
    """`sidestep train TENSORS --model M --output RUN [--preset P] [--config F] --optimizer.learning_rate …`, quoted.

    Args:
        document: the settings; required ones that are missing stand as placeholders.
        output: the run directory.
    """
    given = {f.path: document.value(f) for f in document.applicable}
    tensors, model = str(given[_TENSORS] or "TENSORS"), str(given[_MODEL] or "MODEL")
    words = ["sidestep", "train", *_bare(_TENSORS, tensors)]
    words += [*_flag("model", model), "--output", str(output)]
    words += [word for layer in document.layers for word in _layer_flag(layer.origin)]
    for path, origin in document.origins.items():
        if origin == EDITED and path not in (_MODEL, _TENSORS) and path in given:
            words += _flag(path, given[path])
    return shlex.join(words)


def preprocess_command(model: Mapping[str, Any], songs: Path, tensors: Path) -> str:
    """The command that encodes the songs; `model` as `model_words` takes it."""
    return shlex.join(
        ["sidestep", "preprocess", *_bare("dataset", songs), *model_words(model), "--output", str(tensors)]
    )


def estimate_command(model: Mapping[str, Any], settings: EstimateSettings) -> str:
    """The command that measures which modules the songs move; `model` as `model_words` takes it."""
    words = ["sidestep", "estimate", *_bare("tensors", settings.tensors), *model_words(model)]
    return shlex.join([*words, "--output", str(settings.output), "--rank", str(settings.rank)])


def generate_command(model: Mapping[str, Any], adapter: Path, prompt: str) -> str:
    """The command that lets an adapter be heard; `model` as `model_words` takes it."""
    words = ["sidestep", "generate", *model_words(model), "--adapter", str(adapter)]
    return shlex.join([*words, *_flag("prompt", prompt), "--output", "song.wav"])


def model_words(model: Mapping[str, Any]) -> list[str]:
    """`--model M`, with what else is given: what it was made from, its device.

    Args:
        model: the settings of `model` that are given, by name; what is missing stands as a placeholder.
    """
    words = _flag("model", str(model.get("checkpoint") or "MODEL"))
    return words + [
        word for name, value in model.items() if name != "checkpoint" for word in _flag(f"model.{name}", value)
    ]


def listen_command(run: Path) -> str:
    """The command that shows the songs which a run generated."""
    return shlex.join(["sidestep", "listen", str(run)])


def _bare(name: str, path: Path | str) -> list[str]:
    """A path without its flag; with it where the path begins with a dash and would be taken for an option."""
    return _flag(name, str(path)) if str(path).startswith("-") else [str(path)]


def _layer_flag(origin: str) -> list[str]:
    """`preset NAME` and `file PATH` as flags."""
    kind, _, name = origin.partition(" ")
    return {"preset": ["--preset", name], "file": ["--config", name]}.get(kind, [])


def _flag(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    word = spell_flag(value)
    return [f"--{name}={word}"] if word.startswith("-") else [f"--{name}", word]
