"""The shapes of a saved data set: what any of ACE-Step's three dataset JSON forms holds, brought to one.

The forms: an object with `metadata` and `samples`; a bare list of samples; and samples by file name, directly or in
`data`. A sample may also be just the path of its audio.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sidestep_tui.dataset.fields import METADATA_FIELDS, field_named
from sidestep_tui.dataset.song import DatasetMetadata, Finding, Severity
from sidestep_tui.dataset.text import printable
from sidestep_tui.told import told

_LISTS = ("samples", "data", "songs")


@dataclass(frozen=True, slots=True)
class Document:
    """A saved data set before its audio is looked for."""

    samples: tuple[Mapping[str, Any], ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Other members beside `metadata` and `samples`."""


def read_document(value: Any) -> Document:
    """Reads a parsed JSON document in any of the three forms.

    Raises:
        ValueError: one sentence, why it is no data set.
    """
    if isinstance(value, list):
        return Document(_listed(value))
    if not isinstance(value, Mapping):
        raise ValueError("it holds neither an object nor a list")
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    for name in _LISTS:
        held = value.get(name)
        if isinstance(held, list | Mapping):
            extra = {other: one for other, one in value.items() if other not in {"metadata", "samples", name}}
            return Document(_listed(held) if isinstance(held, list) else _mapped(held), metadata, extra)
    named = {name: one for name, one in value.items() if name != "metadata"}
    if named and all(isinstance(one, Mapping) for one in named.values()):
        return Document(_mapped(named), metadata)
    if any(field_named(name) for name in named):
        raise ValueError("it describes one song (a sidecar), not a data set")
    raise ValueError("it holds no samples")


def read_metadata(record: Mapping[str, Any]) -> tuple[DatasetMetadata, list[Finding]]:
    """The metadata of a data set; what cannot be understood keeps its default and is named."""
    values: dict[str, Any] = {}
    findings: list[Finding] = []
    extra = {
        name: value for name, value in record.items() if name not in {*METADATA_FIELDS, "created_at", "num_samples"}
    }
    for name, one in METADATA_FIELDS.items():
        try:
            value = one.read(record.get(name))
        except ValueError as error:
            message = told("{name} of the data set: {problem}.", name=name, problem=str(error))
            fix = told("set {name} again", name=name)
            findings.append(Finding(Severity.WARNING, "unreadable-value", message, fix=fix))
            continue
        if value is not None:
            values[name] = value
    created = record.get("created_at")
    return DatasetMetadata(created_at=created if isinstance(created, str) else "", extra=extra, **values), findings


def _listed(samples: list[Any]) -> tuple[Mapping[str, Any], ...]:
    records = [{"audio_path": one} if isinstance(one, str) else one for one in samples]
    wrong = next((place for place, one in enumerate(records) if not isinstance(one, Mapping)), None)
    if wrong is not None:
        raise ValueError(f"sample {wrong + 1} is neither an object nor a path")
    if records and all(str(one.get("audio_path", "")).endswith(".pt") for one in records):
        raise ValueError("it lists preprocessed tensors, not songs")
    return tuple(records)


def _mapped(samples: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    wrong = next((name for name, one in samples.items() if not isinstance(one, Mapping)), None)
    if wrong is not None:
        raise ValueError(f'the entry "{printable(wrong[:40])}" is no object')
    return tuple(one if "audio_path" in one else {"audio_path": name, **one} for name, one in samples.items())
