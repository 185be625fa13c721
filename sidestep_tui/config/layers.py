"""Settings are resolved in layers (defaults < preset < file < flags or edits), and each value knows its layer."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from sidestep_tui.config.adapter import AdapterBase, adapter_family
from sidestep_tui.config.base import Section
from sidestep_tui.config.fields import leaves, setting_fields
from sidestep_tui.errors import UsageError

S = TypeVar("S", bound=Section)

_BOUNDS: Final = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


@dataclass(frozen=True, slots=True)
class Layer:
    """A partial, nested document and where it comes from: `preset 8gb`, `file a.json`, `flag`, `edited`."""

    origin: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """One setting that cannot be used: its dotted path, what is wrong in plain words, and the value."""

    path: str
    message: str
    value: Any


def merge(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    """`upper` laid over `lower`. Of an adapter of another family only what all families share is kept."""
    merged = dict(lower)
    for key, value in upper.items():
        below = lower.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            if key == "adapter" and "family" in value and adapter_family(value) != adapter_family(below):
                below = {name: below[name] for name in AdapterBase.model_fields if name in below}
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def merge_layers(layers: Sequence[Layer]) -> tuple[dict[str, Any], dict[str, str]]:
    """The merged document, and for every dotted path in it the origin of its value. Later layers win."""
    document: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        document = merge(document, layer.document)
        origins.update({path: layer.origin for path, _ in leaves(layer.document)})
    present = {path for path, _ in leaves(document)}
    return document, {path: origin for path, origin in origins.items() if path in present}


def problems_of(model: type[Section], document: dict[str, Any]) -> tuple[Problem, ...]:
    """What keeps a document from being valid; empty when it is."""
    try:
        model.model_validate(document)
    except ValidationError as error:
        return tuple(_problems(model, error))
    return ()


def resolve(model: type[S], layers: Sequence[Layer]) -> S:
    """The settings that the layers give.

    Raises:
        UsageError: names every setting that cannot be used, where it came from and what is allowed.
    """
    document, origins = merge_layers(layers)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        problems = list(_problems(model, error))
        raise UsageError(
            "; ".join(f"{p.path}: {p.message}" for p in problems),
            where=", ".join(sorted({origins.get(p.path, "settings") for p in problems})),
            fix=f"correct {'it' if len(problems) == 1 else 'them'}; --help lists every setting",
        ) from error


def _problems(model: type[Section], error: ValidationError) -> Iterator[Problem]:
    """What is wrong; of a section that is missing altogether, the settings that it must have."""
    required = [field.path for field in setting_fields(model) if field.required]
    for entry in error.errors(include_url=False):
        problem = _problem(entry)
        below = [path for path in required if path.startswith(f"{problem.path}.")]
        if entry["type"] == "missing" and below:
            yield from (replace(problem, path=path) for path in below)
        else:
            yield problem


def _problem(entry: Any) -> Problem:
    families = {"lora", "dora", "lokr", "loha", "oft"}
    parts = [str(part) for part in entry["loc"]]
    if len(parts) > 1 and parts[0] == "adapter" and parts[1] in families:
        parts.pop(1)  # pydantic names the union's tag; people know it as a setting of its own
    return Problem(".".join(parts), _plain_words(entry), entry.get("input"))


def _plain_words(entry: Any) -> str:
    """pydantic's message in words for people who never saw a schema."""
    context = entry.get("ctx", {})
    match entry["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return "is not a setting (here)"
        case bound if bound in _BOUNDS:
            words, key = _BOUNDS[bound]
            return f"must be {words} {context[key]:.15g}, not {_told(entry['input'])}"
        case "literal_error":
            return f"must be {context['expected'].replace(chr(39), '')}, not {_told(entry['input'])}"
        case "int_parsing" | "int_type" | "int_from_float":
            return f"must be a whole number, not {entry['input']!r}"
        case "float_parsing" | "float_type":
            return f"must be a number, not {entry['input']!r}"
        case "bool_parsing" | "bool_type":
            return f"must be true or false, not {entry['input']!r}"
        case "union_tag_invalid":
            return f"must be one of {context['expected_tags'].replace(chr(39), '')}, not {context['tag']}"
        case "string_pattern_mismatch":
            return f"cannot be {entry['input']!r}; its help says how it is written"
        case "tuple_type" | "list_type":
            return f"must be a list; {entry['input']!r} cannot be read as one"
        case _:
            message = re.sub(r"^\w+ should ", "must ", str(entry["msg"]).removeprefix("Value error, "))
            return message[:1].lower() + message[1:]


def _told(value: Any) -> str:
    """A refused value as it was typed: without a decimal point that nobody wrote."""
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value) if value != "" else "empty"
