"""What to look at in labels that nobody has confirmed: unsure guesses, and all lyrics and captions of providers."""

from collections.abc import Iterator

from sidestep_tui.dataset.song import Finding, Severity, Song, Source
from sidestep_tui.dataset.text import printable
from sidestep_tui.told import told

UNSURE = 0.6
"""Belief below which a guess deserves a look."""


def check_labels(song: Song) -> Iterator[Finding]:
    """Findings about the guessed fields of a song; they go when a person sets the field."""
    for name, belief in song.beliefs.items():
        if song.source(name) is Source.PROVIDER:
            yield _to_review(song, name)
        elif belief.confidence is not None and belief.confidence < UNSURE:
            yield _unsure(song, name)


def _unsure(song: Song, name: str) -> Finding:
    belief = song.beliefs[name]
    message = told(
        "The guessed {name}, {value}, is unsure ({sure:.0%}).",
        name=name,
        value=getattr(song, name),
        sure=belief.confidence,
    )
    fix = told("listen, then set {name}", name=name)
    if belief.second:
        fix = told("listen, then set {name}, for instance {name}={second}", name=name, second=belief.second)
    return Finding(Severity.INFO, f"unsure-{name}", message, song.key, fix)


def _to_review(song: Song, name: str) -> Finding:
    belief = song.beliefs[name]
    by = printable(belief.by)
    message = told("The {name} came from {by}; nobody has checked it.", name=name, by=by)
    if belief.confidence is not None:
        message = told(
            "The {name} came from {by}, {sure:.0%} sure; nobody has checked it.",
            name=name,
            by=by,
            sure=belief.confidence,
        )
    severity = Severity.WARNING if name == "lyrics" else Severity.INFO
    fix = told("compare it with the song, then set {name}", name=name)
    return Finding(severity, f"unreviewed-{name}", message, song.key, fix)
