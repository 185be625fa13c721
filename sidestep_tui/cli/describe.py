"""A setting in words, for help texts and the reference."""

from typing import Any, Final

from sidestep_tui.config.fields import SettingField

_METAVARS: Final = {"integer": "N", "number": "X", "text": "TEXT", "path": "PATH", "list": "A,B"}


def metavar(field: SettingField) -> str:
    """What stands for the value in a usage line."""
    return "{" + ",".join(field.choices) + "}" if field.kind == "choice" else _METAVARS[field.kind]


def bounds_text(field: SettingField) -> str:
    """The allowed range or choices, or an empty string."""
    if field.choices:
        return ", ".join(field.choices)
    low = "" if field.minimum is None else f"{'>' if field.exclusive_minimum else '≥'} {field.minimum:g}"
    high = "" if field.maximum is None else f"{'<' if field.exclusive_maximum else '≤'} {_number(field.maximum)}"
    return ", ".join(part for part in (low, high) if part)


def value_text(value: Any) -> str:
    """A value as a flag takes it."""
    match value:
        case None:
            return "none"
        case bool():
            return "on" if value else "off"
        case list() | tuple():
            return ",".join(value_text(item) for item in value)
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def default_text(field: SettingField) -> str:
    """The default, what an empty one comes to where the setting says it, or `required`."""
    if field.default is None and field.empty:
        return field.empty
    return "required" if field.required else value_text(field.default)


def applies_text(field: SettingField) -> str:
    """The condition under which the setting has a meaning, or an empty string."""
    return " and ".join(f"{when.path} is {' or '.join(when.values)}" for when in field.when)


def help_text(fields: tuple[SettingField, ...]) -> str:
    """The help of one flag. Families of the adapter that share a flag may differ in its default and bounds."""
    first = fields[0]
    facts = [bounds_text(first)] if first.kind in ("integer", "number") else []
    facts.append(first.unit if first.unit.lower() not in first.help.lower() else "")
    if len(fields) == 1:
        default = default_text(first)
        facts += [f"only when {applies_text(first)}" if first.when else "", f"default: {default}" if default else ""]
    elif len(defaults := {default_text(field) for field in fields}) == 1:
        facts.append(f"default: {defaults.pop()}")
    else:
        facts.append("default: " + ", ".join(f"{default_text(f)} ({' or '.join(f.when[-1].values)})" for f in fields))
    return f"{first.help} ({'; '.join(fact for fact in facts if fact)})"


def _number(value: float) -> str:
    return f"{int(value):,}".replace(",", " ") if value.is_integer() else f"{value:g}"
