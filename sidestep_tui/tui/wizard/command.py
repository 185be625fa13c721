"""The command line that does the same as the wizard's document."""

import shlex
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
    # A folder whose name begins with a dash would be taken for an option.
    words = ["sidestep", "train", *(_flag(_TENSORS, tensors) if tensors.startswith("-") else [tensors])]
    words += [*_flag("model", model), "--output", str(output)]
    words += [word for layer in document.layers for word in _layer_flag(layer.origin)]
    for path, origin in document.origins.items():
        if origin == EDITED and path not in (_MODEL, _TENSORS) and path in given:
            words += _flag(path, given[path])
    return shlex.join(words)


def preprocess_command(model: Path, songs: Path, tensors: Path) -> str:
    """The command that encodes the songs."""
    return shlex.join(["sidestep", "preprocess", str(songs), "--model", str(model), "--output", str(tensors)])


def estimate_command(model: Path, settings: EstimateSettings) -> str:
    """The command that measures which modules the songs move."""
    words = ["sidestep", "estimate", str(settings.tensors), "--model", str(model), "--output", str(settings.output)]
    return shlex.join([*words, "--rank", str(settings.rank)])


def listen_command(run: Path) -> str:
    """The command that shows the songs which a run generated."""
    return shlex.join(["sidestep", "listen", str(run)])


def _layer_flag(origin: str) -> list[str]:
    """`preset NAME` and `file PATH` as flags."""
    kind, _, name = origin.partition(" ")
    return {"preset": ["--preset", name], "file": ["--config", name]}.get(kind, [])


def _flag(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    word = spell_flag(value)
    return [f"--{name}={word}"] if word.startswith("-") else [f"--{name}", word]
