"""The command line that does the same as the wizard's document."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sidestep_tui.tui.wizard.document import EDITED, WizardDocument
from sidestep_tui.tui.wizard.values import spell_flag

_MODEL: Final = "model.checkpoint"
_TENSORS: Final = "data.tensors"


def train_command(document: WizardDocument, output: Path, config: Path | None = None) -> str:
    """`sidestep train TENSORS --model M --output RUN [--preset P] [--config F] --optimizer.learning_rate …`, quoted.

    Args:
        document: the settings; required ones that are missing stand as placeholders.
        output: the run directory.
        config: the config file beneath the edits, where one was loaded.
    """
    given = {f.path: document.value(f) for f in document.applicable}
    words = ["sidestep", "train", str(given[_TENSORS] or "TENSORS"), "--model", str(given[_MODEL] or "MODEL")]
    words += ["--output", str(output)]
    words += [word for layer in document.layers for word in _preset_flag(layer.origin)]
    words += ["--config", str(config)] if config else []
    for path, origin in document.origins.items():
        if origin == EDITED and path not in (_MODEL, _TENSORS) and path in given:
            words += _flag(path, given[path])
    return shlex.join(words)


def preprocess_command(settings: Mapping[str, Any]) -> str:
    """The command that encodes the songs, from the settings of a preprocess run."""
    words = ["sidestep", "preprocess", str(settings["dataset"]), "--model", str(settings["model"]["checkpoint"])]
    return shlex.join([*words, "--output", str(settings["output"])])


def _preset_flag(origin: str) -> list[str]:
    kind, _, name = origin.partition(" ")
    return ["--preset", name] if kind == "preset" else []


def _flag(path: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{path}" if value else f"--no-{path}"]
    return [f"--{path}", spell_flag(value)]
