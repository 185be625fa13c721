"""Settings are resolved in layers (defaults < preset < file < flags or edits), and each value knows its layer."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import ValidationError

from sidestep_tui.config.adapter import AdapterBase, adapter_family
from sidestep_tui.config.base import Section
from sidestep_tui.config.fields import adapter_families, leaves, setting_fields
from sidestep_tui.errors import UsageError
from sidestep_tui.told import told

S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True)
class Layer:
    """A partial, nested document and where it comes from: `preset 8gb`, `file a.json`, `flag`, `edited`."""

    origin: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """One setting that cannot be used: its dotted path, what is wrong in plain words, and the value.

    A rule between settings of several sections has no path, and names them itself.
    """

    path: str
    message: str
    value: Any

    @property
    def told(self) -> str:
        """`adapter.rank: must be at least 1, not 0`."""
        return f"{self.path}: {self.message}" if self.path else self.message


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
            "; ".join(p.told for p in problems),
            where=", ".join(sorted({_origin(p, origins) for p in problems})),
            fix=f"correct {'it' if len(problems) == 1 else 'them'}; --help lists every setting",
        ) from error


def _origin(problem: Problem, origins: dict[str, str]) -> str:
    """Where a setting came from, or the first of a group's, or of those that a rule names."""
    path, rule = problem.path, problem.message
    below = (origin for known, origin in origins.items() if (known.startswith(f"{path}.") if path else known in rule))
    return origins.get(path) or next(below, "settings")


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
    parts = [str(part) for part in entry["loc"]]
    families = adapter_families()
    if len(parts) > 1 and parts[0] == "adapter" and parts[1] in families:
        family = parts.pop(1)  # pydantic names the union's tag; people know it as a setting of its own
        others = [name for name, settings in families.items() if parts[-1] in settings.model_fields]
        if entry["type"] == "extra_forbidden" and len(parts) == 2 and others:
            message = told("is a setting of {others}, not of {family}", others=", ".join(others), family=family)
            return Problem(".".join(parts), message, entry.get("input"))
    return Problem(".".join(parts), _plain_words(entry), entry.get("input"))


def _plain_words(entry: Any) -> str:
    """pydantic's message in words for people who never saw a schema."""
    return _about_its_place(entry) or _about_its_bounds(entry) or _about_its_kind(entry) or _about_anything(entry)


def _about_its_place(entry: Any) -> str:
    match entry["type"]:
        case "missing":
            return told("is required")
        case "extra_forbidden":
            return told("is not a setting (here)")
        case "model_type" | "model_attributes_type" | "dict_type":
            return told("must be a group of settings")
    return ""


def _about_its_bounds(entry: Any) -> str:
    value, limits = _told(entry["input"]), entry.get("ctx", {})
    match entry["type"]:
        case "greater_than":
            return told(f"must be more than {_bound(limits)}, not {value}")
        case "greater_than_equal":
            return told(f"must be at least {_bound(limits)}, not {value}")
        case "less_than":
            return told(f"must be less than {_bound(limits)}, not {value}")
        case "less_than_equal":
            return told(f"must be at most {_bound(limits)}, not {value}")
        case "finite_number":
            return told(f"must be a finite number, not {value}")
        case "too_short":
            return told(f"must have {limits['min_length']} or more entries")
        case "too_long":
            return told(f"must have {limits['max_length']} or fewer entries")
    return ""


def _about_its_kind(entry: Any) -> str:
    value, context = repr(entry.get("input")), entry.get("ctx", {})
    match entry["type"]:
        case "literal_error":
            choices = context["expected"].replace("'", "").replace(" or ", ", ")
            value = _told(entry["input"])
            return told(f"must be one of {choices}, not {value}")
        case "union_tag_invalid":
            choices = context["expected_tags"].replace("'", "")
            value = context["tag"]
            return told(f"must be one of {choices}, not {value}")
        case "int_parsing" | "int_type" | "int_from_float":
            return told(f"must be a whole number, not {value}")
        case "float_parsing" | "float_type":
            return told(f"must be a number, not {value}")
        case "bool_parsing" | "bool_type":
            return told(f"must be true or false, not {value}")
        case "string_type" | "path_type":
            return told(f"must be text, not {value}")
        case "string_pattern_mismatch":
            return told(f"cannot be {value}; its help says how it is written")
        case "tuple_type" | "list_type":
            return told(f"must be a list; {value} cannot be read as one")
    return ""


def _about_anything(entry: Any) -> str:
    """What one of our own checks says; of pydantic's further words the best that can be made."""
    message = re.sub(r"^\w+ should ", "must ", str(entry["msg"]).removeprefix("Value error, "))
    return message[:1].lower() + message[1:]


def _bound(context: dict[str, Any]) -> str:
    """The only figure in what pydantic says of a bound."""
    (bound,) = context.values()
    return f"{bound:.15g}"


def _told(value: Any) -> str:
    """A refused value as it was typed: without a decimal point that nobody wrote."""
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value) if value != "" else "empty"
