"""What preflights measured on this machine, remembered by card, model, songs and the settings that matter.

Lies in the cache, so it may vanish at any time. Both the engine, which measures, and the terminal application, which
tells, find an entry by the same key; finding it loads no torch.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from sidestep_tui import __version__
from sidestep_tui.config.places import cache_home
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.files import write_json_atomic

TABLE: Final = "preflight.json"
"""In the run of a preflight: one entry for every policy that was tried."""
CPU: Final = "cpu"
"""The name of the card where there is none."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one set of settings took. Seconds of a whole optimizer step; bytes at the peak.

    `seconds` is the median of the run's own first steps, `fastest` and `slowest` their range, `longest_seconds` one
    micro-batch of the longest songs. They are None where the memory did not suffice; `problem` says so then.
    `free_bytes` is what there was for the run, the model included; `compile` and `graphs` are as in its settings.
    """

    checkpointing: str
    fits: bool
    free_bytes: int
    peak_bytes: int | None = None
    seconds: float | None = None
    fastest: float | None = None
    slowest: float | None = None
    longest_seconds: float | None = None
    data_wait: float | None = None
    problem: str = ""
    compile: bool = False
    graphs: bool = False


def settings_taken(results: Mapping[str, str | int | float | None]) -> dict[str, str | bool]:
    """The settings that a preflight found the fastest to fit, by dotted path; nothing where its results are not there.

    Args:
        results: of its run.
    """
    if "checkpointing" not in results:
        return {}
    with_these = str(results.get("faster_with") or "").split(", ")
    switches = {path: path in with_these for path in ("memory.compile", "memory.graphs")}
    return {"memory.checkpointing": str(results["checkpointing"]), **switches}


def remember(settings: TrainSettings, card: str, measured: Measured) -> None:
    """Keeps a measurement for the next one who asks; the newest counts.

    Raises:
        SidestepError: the cache cannot be written.
    """
    key = fingerprint(settings, card)
    if key is not None:
        write_json_atomic(_file(key), asdict(measured))


def recall(settings: TrainSettings, card: str) -> Measured | None:
    """What was measured with these settings on such a card; None where nothing was, or it cannot be read.

    Args:
        settings: of the run. What changes neither time nor memory (rates, seeds, epochs, names) does not count.
        card: the card's name as its driver gives it, or `CPU`.
    """
    key = fingerprint(settings, card)
    try:
        return None if key is None else Measured(**json.loads(_file(key).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def fingerprint(settings: TrainSettings, card: str) -> str | None:
    """The same for runs that take the same time and memory; None where the songs' tensors cannot be read.

    Args:
        settings: of the run.
        card: as for `recall`.
    """
    folders = (settings.data.tensors, *settings.data.more_tensors)
    try:
        songs = [_songs(folder / "manifest.json", *_version(folder / "manifest.json")) for folder in folders]
        key = json.dumps([__version__, card, songs, _what_matters(settings)], sort_keys=True)
    except (OSError, ValueError, KeyError, TypeError):  # not encoded yet, or another tool's tensors
        return None
    return hashlib.sha256(key.encode()).hexdigest()[:24]


def _file(key: str) -> Path:
    return cache_home() / "preflight" / f"{key}.json"


def _version(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=32)
def _songs(manifest: Path, _changed: int, _size: int) -> list[Any]:
    """The model that the songs were encoded with, and the lengths that decide what a step takes.

    A manifest of another time or size is read again; the wizard asks at every key.

    Raises:
        OSError, ValueError, KeyError, TypeError: it is no manifest of ours.
    """
    document = json.loads(manifest.read_text(encoding="utf-8"))
    songs = document["songs"]
    lengths = [[int(song[name]) for song in songs] for name in ("frames", "condition_tokens")]
    return [document["model"], len(songs), *(figure(values) for values in lengths for figure in (sum, max))]


def _what_matters(settings: TrainSettings) -> dict[str, Any]:
    adapter, objective = settings.adapter, settings.objective
    ranking = adapter.targets_from
    return {
        "precision": settings.model.precision,
        "data": settings.data.model_dump(mode="json", include={"crop_seconds", "residence", "weights"}),
        "adapter": adapter.model_dump(mode="json", exclude={"start_from", "targets_from", "alpha", "b_rate_ratio"}),
        "ranking": hashlib.sha256(ranking.read_bytes()).hexdigest() if ranking and ranking.is_file() else str(ranking),
        "optimizer": settings.optimizer.name,
        "portions": settings.training.model_dump(
            include={"batch_size", "gradient_accumulation", "processes", "sharding"}
        ),
        "average": settings.training.ema_decay > 0,
        "prior": [objective.prior_every, objective.prior_seconds] if objective.prior_weight > 0 else None,
        "memory": settings.memory.model_dump(mode="json"),
    }
