"""The settings as a flat list of fields: what flags, wizard, presets and the reference docs are derived from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo

from sidestep_tui.config.adapter import AdapterBase, AdapterSettings
from sidestep_tui.config.base import Section, Shown, Tier, When

Kind = Literal["choice", "flag", "integer", "number", "text", "path", "list"]
_KINDS: Final[dict[type, Kind]] = {bool: "flag", int: "integer", float: "number", str: "text", Path: "path"}


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting as people meet it. `path` is its dotted spelling, the same everywhere."""

    path: str
    kind: Kind
    default: Any
    required: bool
    optional: bool
    help: str
    tier: Tier
    unit: str
    empty: str
    short: str | None
    personal: bool
    resumable: bool
    when: tuple[When, ...]
    choices: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit(".", 1)[-1]

    @property
    def section(self) -> str:
        """The first part of the path, or an empty string for a field of the document itself."""
        return self.path.split(".", 1)[0] if "." in self.path else ""

    def applies(self, document: dict[str, Any], defaults: dict[str, Any]) -> bool:
        """Whether the field has a meaning under the other settings of a (partial, nested) document."""
        return all(str(look_up(document, w.path, look_up(defaults, w.path))) in w.values for w in self.when)


def setting_fields(document: type[Section]) -> tuple[SettingField, ...]:
    """Every setting of a document, in the order of declaration; families of the adapter one after another."""
    return tuple(_walk(document, "", ()))


def look_up(document: dict[str, Any], path: str, default: Any = None) -> Any:
    """The value under a dotted path of a nested document."""
    value: Any = document
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return default
        value = value[part]
    return value


def put(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of a nested document with the value under a dotted path replaced."""
    head, _, rest = path.partition(".")
    inner = document.get(head)
    return {**document, head: put(inner if isinstance(inner, dict) else {}, rest, value) if rest else value}


def remove(document: dict[str, Any], path: str) -> dict[str, Any]:
    """A copy of a nested document without the dotted path; sections that become empty go as well."""
    head, _, rest = path.partition(".")
    if head not in document:
        return document
    without = {key: value for key, value in document.items() if key != head}
    if not rest or not isinstance(document[head], dict):
        return without
    inner = remove(document[head], rest)
    return {**document, head: inner} if inner else without


def leaves(document: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted paths and values of a nested document."""
    for key, value in document.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from leaves(value, f"{path}.")
        else:
            yield path, value


def path_values(value: Any, prefix: str = "") -> Iterator[tuple[str, Path]]:
    """Every path in a document as `model_dump()` gives it, by the setting's dotted path; lists are looked into."""
    match value:
        case Path():
            yield prefix, value
        case dict():
            for key, item in value.items():
                yield from path_values(item, f"{prefix}.{key}" if prefix else key)
        case list() | tuple():
            for item in value:
                yield from path_values(item, prefix)


def defaults_of(document: type[Section], family: str = "lora") -> dict[str, Any]:
    """The nested defaults of every setting that has one, with the adapter of the given family."""
    nested: dict[str, Any] = {}
    for field in setting_fields(document):
        of_family = [w for w in field.when if w.path == "adapter.family"]
        if not field.required and all(family in w.values for w in of_family):
            nested = put(nested, field.path, family if field.path == "adapter.family" else field.default)
    return nested


def _walk(model: type[Section], prefix: str, when: tuple[When, ...]) -> Iterator[SettingField]:
    for name, info in model.model_fields.items():
        path = f"{prefix}{name}"
        if _is_adapter_union(info):
            yield from _walk_families(path, when)
        elif isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            yield from _walk(info.annotation, f"{path}.", when)
        else:
            yield _leaf(path, info, when)


def _is_adapter_union(info: FieldInfo) -> bool:
    return bool(info.annotation == get_args(AdapterSettings)[0])


def adapter_families() -> dict[str, type[Section]]:
    """The settings class of every adapter family, by its tag."""
    members = [get_args(member)[0] for member in get_args(get_args(AdapterSettings)[0])]
    return {member.model_fields["family"].default: member for member in members}


def _walk_families(path: str, when: tuple[When, ...]) -> Iterator[SettingField]:
    families = adapter_families()
    shared = {field.path for field in _walk(AdapterBase, f"{path}.", when)}
    yield SettingField(
        path=f"{path}.family", kind="choice", default="lora", required=False, optional=False,
        help="; ".join(f"{tag}: {_first_sentence(member)}" for tag, member in families.items()),
        tier="basic", unit="", empty="", short="family", personal=False, resumable=False, when=when,
        choices=tuple(families),
    )  # fmt: skip
    yield from _walk(AdapterBase, f"{path}.", when)
    for tag, member in families.items():
        for field in _walk(member, f"{path}.", (*when, When(f"{path}.family", (tag,)))):
            if field.name != "family" and field.path not in shared:
                yield field


def _first_sentence(member: type[Section]) -> str:
    text = (member.__doc__ or "").split(":", 1)[-1].strip()
    return text.split(" (", 1)[0].split(";", 1)[0].rstrip(".")


def _leaf(path: str, info: FieldInfo, when: tuple[When, ...]) -> SettingField:
    shown = next((m for m in info.metadata if isinstance(m, Shown)), Shown())
    annotation, optional = _without_none(info.annotation)
    kind, choices = _kind_of(annotation)
    low, low_open, high, high_open = _bounds(info)
    return SettingField(
        path=path, kind=kind, default=None if info.is_required() else info.default, required=info.is_required(),
        optional=optional, help=" ".join((info.description or "").split()),
        tier=shown.tier, unit=shown.unit, empty=shown.empty, short=shown.short,
        personal=shown.personal, resumable=shown.resumable,
        when=(*when, shown.when) if shown.when is not None else when, choices=choices, variants=shown.variants,
        minimum=low, maximum=high, exclusive_minimum=low_open, exclusive_maximum=high_open,
    )  # fmt: skip


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, UnionType):
        members = [member for member in get_args(annotation) if member is not NoneType]
        if len(members) == 1:
            return members[0], True
    return annotation, False


def _kind_of(annotation: Any) -> tuple[Kind, tuple[str, ...]]:
    if get_origin(annotation) is Annotated:
        return _kind_of(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return "choice", tuple(str(choice) for choice in get_args(annotation))
    if get_origin(annotation) in (tuple, list):
        item = get_args(annotation)[0]
        is_section = isinstance(item, type) and issubclass(item, Section)
        return "list", () if is_section else _kind_of(item)[1]
    return _KINDS[annotation], ()


def _bounds(info: FieldInfo) -> tuple[float | None, bool, float | None, bool]:
    low: float | None = None
    high: float | None = None
    low_open = high_open = False
    for item in info.metadata:
        match item:
            case annotated_types.Ge(ge=bound):
                low = float(bound)  # type: ignore[arg-type]
            case annotated_types.Gt(gt=bound):
                low, low_open = float(bound), True  # type: ignore[arg-type]
            case annotated_types.Le(le=bound):
                high = float(bound)  # type: ignore[arg-type]
            case annotated_types.Lt(lt=bound):
                high, high_open = float(bound), True  # type: ignore[arg-type]
            case _:
                pass
    return low, low_open, high, high_open
