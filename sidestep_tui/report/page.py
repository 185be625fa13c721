"""The page itself: head, style, script and the sections, one HTML document that asks nothing of any network."""

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Final

from sidestep_tui.report.html import Html, element, join

_CONTENTS: Final = (
    ("settings", "Settings"),
    ("curves", "Curves"),
    ("validation", "Validation"),
    ("sensitivity", "Sensitivity"),
    ("samples", "Samples"),
    ("comparison", "Blind comparison"),
    ("likeness", "Likeness"),
    ("novelty", "Novelty"),
    ("checkpoints", "Checkpoints"),
    ("events", "Warnings"),
    ("results", "Results"),
)


def content_policy(script: str) -> str:
    """The content security policy: our own script by its hash, pictures and sounds from the page and beside it."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "media-src data: file: 'self'; base-uri 'none'; form-action 'none'"
    )


def render(title: str, header: Html, sections: Sequence[Html | None]) -> Html:
    """The whole document."""
    body = [part for part in sections if part]
    style, script = _own("page.css"), _own("page.js")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", http_equiv="Content-Security-Policy", content=content_policy(script)),
        element("title", f"{title} · Side-Step"),
        element("style", style),
    )
    links = (
        element("a", words, href=f"#{identity}")
        for identity, words in _CONTENTS
        if any(part.startswith(f'<section id="{identity}"') for part in body)
    )
    main = element("main", header, element("nav", *links, aria_label="contents"), *body)
    page = element("html", head, element("body", main, element("script", script)), lang="en")
    return join((Html("<!doctype html>\n"), page, Html("\n")))


def _own(name: str) -> Html:
    """A file of this package as it is."""
    return Html(files("sidestep_tui.report").joinpath(name).read_text(encoding="utf-8"))
