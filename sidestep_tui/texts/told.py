"""Texts that the layers below the screens make: English where they are kept, and translated where a screen shows them.

A finding is written to JSON, logs and events in English whatever the language; the terminal application shows the same
finding in the language of its reader. So the text carries what it was made from.
"""

from collections.abc import Mapping
from typing import Any

from sidestep_tui.texts import _, ngettext


class Told(str):
    """An English text with its template; made by `told` and `told_many`, shown with `spoken`."""

    forms: tuple[str, ...] = ()
    values: Mapping[str, Any] = {}


def told(template: str, **values: Any) -> Told:
    """A text from a template such as `"{song} has no caption."`; the template is what the catalogues translate."""
    text = Told(template.format(**values) if values else template)
    text.forms, text.values = (template,), values
    return text


def told_many(one: str, many: str, count: int, **values: Any) -> Told:
    """A text from the template that fits the count, which both may name as `{count}`."""
    values = {"count": count, **values}
    text = Told((one if count == 1 else many).format(**values))
    text.forms, text.values = (one, many), values
    return text


def spoken(text: str) -> str:
    """A text in the language of this process; one that carries no template is what it is.

    Values that are told themselves are translated too.
    """
    if not isinstance(text, Told):
        return text
    values = {name: spoken(value) if isinstance(value, str) else value for name, value in text.values.items()}
    template = ngettext(*text.forms, text.values["count"]) if len(text.forms) == 2 else _(text.forms[0])
    return template.format(**values) if values else template
