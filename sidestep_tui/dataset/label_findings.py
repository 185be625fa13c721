"""What to look at in labels that nobody has confirmed: unsure guesses, and all lyrics and captions of providers."""

from collections.abc import Iterator

from sidestep_tui.dataset.song import Finding, Severity, Song, Source
from sidestep_tui.dataset.text import printable

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
    message = f"The guessed {name}, {getattr(song, name)}, is unsure ({belief.confidence:.0%})."
    fix = f"listen, then set {name}" + (f", for instance {name}={belief.second}" if belief.second else "")
    return Finding(Severity.INFO, f"unsure-{name}", message, song.key, fix)


def _to_review(song: Song, name: str) -> Finding:
    belief = song.beliefs[name]
    sure = "" if belief.confidence is None else f", {belief.confidence:.0%} sure"
    message = f"The {name} came from {printable(belief.by)}{sure}; nobody has checked it."
    severity = Severity.WARNING if name == "lyrics" else Severity.INFO
    return Finding(severity, f"unreviewed-{name}", message, song.key, f"compare it with the song, then set {name}")
