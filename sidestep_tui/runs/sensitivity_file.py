"""The file that `sidestep estimate` writes: modules by how strongly a data set moves them, and proposed ranks."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sidestep_tui.errors import SidestepError
from sidestep_tui.files import write_json_atomic

FORMAT: Final = "sidestep-sensitivity"
VERSION: Final = 1
USUAL_NAME: Final = "sensitivity.json"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A module by its original name, with the rank and alpha that its sensitivity earns it."""

    module: str
    rank: int
    alpha: float


@dataclass(frozen=True, slots=True)
class SensitivityFile:
    """A ranking, strongest first. `model` and `data` are the fingerprints of what was measured."""

    model: str
    data: str
    batches: int
    ranking: tuple[dict[str, Any], ...]
    proposal: tuple[Proposal, ...]

    @property
    def order(self) -> tuple[str, ...]:
        """The modules, strongest first."""
        return tuple(str(entry["module"]) for entry in self.ranking)


def write_sensitivity(path: Path, document: dict[str, Any]) -> None:
    """Writes a ranking, whole or not at all."""
    write_json_atomic(path, {"format": FORMAT, "version": VERSION, **document})


def read_sensitivity(path: Path) -> SensitivityFile:
    """A ranking from its file, or from the tensor folder in which it lies.

    Raises:
        SidestepError: there is none, or the file is something else.
    """
    file = path / USUAL_NAME if path.is_dir() else path
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if document["format"] != FORMAT or document["version"] != VERSION:
            raise ValueError(f"its format is {document['format']} {document['version']}")
        return SensitivityFile(
            model=str(document["model"]),
            data=str(document["data"]),
            batches=int(document["batches"]),
            ranking=tuple(
                {**entry, "module": str(entry["module"]), "sensitivity": float(entry["sensitivity"])}
                for entry in document["ranking"]
            ),
            proposal=tuple(
                Proposal(str(entry["module"]), int(entry["rank"]), float(entry["alpha"]))
                for entry in document["proposal"]
            ),
        )
    except FileNotFoundError as error:
        raise SidestepError(
            "There is no sensitivity file.", where=file, fix="make one with `sidestep estimate`"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise SidestepError(
            f"This is no sensitivity file: {error}.", where=file, fix="make one with `sidestep estimate`"
        ) from error
