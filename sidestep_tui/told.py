"""Marks the English texts that screens show in the language of their reader.

Errors, findings, warnings and reasons are kept in English wherever they go: JSON, logs, events, standard error. The
terminal application translates them where it shows them (`texts.spoken`), also those that it read from a file. For
that, `make texts` finds them in the code: in what errors, warnings and phases are made with by itself, and elsewhere by
these marks.
"""

from typing import Any


def told(template: str, **values: Any) -> str:
    """An English text, written out or from a template such as `"{song} has no caption."`."""
    return template.format(**values) if values else template


def told_many(one: str, many: str, count: int, **values: Any) -> str:
    """A text from the template that fits the count, which both may name as `{count}`."""
    return (one if count == 1 else many).format(count=count, **values)
