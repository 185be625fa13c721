"""Markup that is escaped by construction: whatever is not `Html` already is text, and text never becomes markup."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from sidestep_tui.dataset.text import printable

_VOID: Final = frozenset({"br", "img", "input", "meta"})


class Html(str):
    """Text that is markup: made by `element`, `join` and this package's own files, never from what a run says."""

    __slots__ = ()


def element(name: str, /, *children: str | None, **attributes: object) -> Html:
    """One element.

    Args:
        name: of the element.
        children: what is in it; plain text is escaped, None is nothing.
        attributes: an underscore stands for a hyphen and a last one (`class_`) for nothing; True is an attribute
            without a value, None and False are none at all.
    """
    opened = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    return Html(opened) if name in _VOID else Html(f"{opened}{join(children)}</{name}>")


def join(children: Iterable[str | None]) -> Html:
    """Several pieces one after another."""
    return Html("".join(child if isinstance(child, Html) else text(child) for child in children if child is not None))


def text(value: str) -> Html:
    """Text with its control and direction characters shown, not obeyed. Line ends and tabs stay."""
    if not value.isprintable():  # asked first: embedded songs are megabytes of plain letters
        value = "\n".join(printable(line) for line in value.replace("\t", " ").split("\n"))
    return Html(escape(value))


def name_of(value: str) -> Html:
    """A name from a file, kept apart from the sentence around it, so that right-to-left names disturb nothing."""
    return element("bdi", value)


def table(heads: Sequence[str], rows: Iterable[Sequence[str | None]], *, figures: int = 0) -> Html:
    """A table that scrolls sideways where it is too wide.

    Args:
        heads: of the columns.
        rows: the cells.
        figures: from which column on the cells are numbers, set to the right; 0 means in none.
    """

    def cell(kind: str, column: int, content: str | None) -> Html:
        scope = "col" if kind == "th" else None
        return element(kind, content, scope=scope, class_="figure" if 0 < figures <= column else None)

    head = element("tr", *(cell("th", column, content) for column, content in enumerate(heads)))
    body = (element("tr", *(cell("td", column, content) for column, content in enumerate(row))) for row in rows)
    return element(
        "div", element("table", element("thead", head), element("tbody", *body)), class_="scroll", tabindex="0"
    )


def facts(pairs: Iterable[tuple[str, str | None]]) -> Html:
    """Names and values beneath each other; a pair without a value is left out."""
    known = ((name, value) for name, value in pairs if value)
    return element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in known))


def section(identity: str, title: str, *children: str | None) -> Html:
    """A part of the page with a heading that can be linked to."""
    return element("section", element("h2", title), *children, id=identity)


def folded(summary: str, *children: str | None) -> Html:
    """A part that opens on request."""
    return element("details", element("summary", summary), *children)


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{text(str(value))}"'
