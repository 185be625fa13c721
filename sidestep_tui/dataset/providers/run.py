"""Labels a data set with a provider: only what is missing, several songs at a time, each answer an edit of its own."""

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from sidestep_tui.dataset.edits import Edit
from sidestep_tui.dataset.probe import Progress
from sidestep_tui.dataset.providers.base import Answer, Provider, RefusedError, Usage
from sidestep_tui.dataset.song import Belief, Dataset, Finding, Severity, Song, Source
from sidestep_tui.errors import SidestepError, UsageError

_WORKERS = 4
_FAILURES_IN_A_ROW = 5
"""Songs that fail one after another until the server counts as down."""


@dataclass(frozen=True, slots=True)
class Provided:
    """What a provider gave for one song."""

    key: str
    edit: Edit | None = None
    """None where it knew nothing, or failed. Its values are marked as nobody's until a person sets them."""
    usage: Usage = field(default_factory=Usage)
    findings: tuple[Finding, ...] = ()
    """Why the song was not answered."""


def fields_of(provider: Provider, fields: Collection[str]) -> set[str]:
    """Those of the fields that a provider fills.

    Raises:
        UsageError: it fills none of them.
    """
    wanted = provider.fields & set(fields)
    if not wanted:
        raise UsageError(
            f"The provider {provider.name} fills none of these fields.",
            where=", ".join(sorted(fields)),
            fix=f"use some of {', '.join(sorted(provider.fields))}",
        )
    return set(wanted)


def label_with_provider(
    dataset: Dataset,
    provider: Provider,
    fields: Collection[str],
    progress: Progress | None = None,
    *,
    keys: Collection[str] | None = None,
) -> Iterator[Provided]:
    """Asks a provider about every song that misses something; apply each edit as it comes.

    Whatever was applied is not asked again, so a run that was cut off goes on where it stopped.

    Args:
        dataset: the songs.
        provider: whom to ask.
        fields: what to fill.
        progress: called with songs answered and songs to be asked about.
        keys: the songs; all without it.

    Yields:
        One result for each song that was asked about, in the order of the data set.

    Raises:
        UsageError: the provider fills none of the fields.
        SidestepError: while iterating: the server refuses every song, or five in a row failed.
    """
    wanted = fields_of(provider, fields)
    chosen = None if keys is None else frozenset(keys)
    songs = [song for song in dataset.songs if chosen is None or song.key in chosen]
    asked = [(song, missing) for song in songs if (missing := _missing(song, wanted))]
    return _ask_all(asked, provider, progress)


def _missing(song: Song, wanted: Collection[str]) -> tuple[str, ...]:
    """Fields that nobody said anything about; lyrics and their language are not missing from an instrumental."""
    said = {
        "caption": bool(song.caption),
        "genre": bool(song.genre),
        "lyrics": bool(song.lyrics) or song.is_instrumental is True,
        "language": song.language != "unknown" or song.is_instrumental is True,
    }
    return tuple(name for name, is_said in said.items() if name in wanted and not is_said)


def _ask_all(
    asked: list[tuple[Song, tuple[str, ...]]], provider: Provider, progress: Progress | None
) -> Iterator[Provided]:
    if progress is not None:
        progress(0, len(asked))
    pool = ThreadPoolExecutor(_WORKERS)
    failures = 0
    try:
        for done, one in enumerate(pool.map(lambda pair: _ask(provider, *pair), asked), 1):
            if progress is not None:
                progress(done, len(asked))
            yield one
            failures = failures + 1 if one.findings else 0
            if failures == _FAILURES_IN_A_ROW:
                raise SidestepError(
                    f"{failures} songs in a row were not answered; the last: {one.findings[0].message}",
                    where=provider.name,
                    fix="run the same command later; what was answered is kept",
                )
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ask(provider: Provider, song: Song, missing: tuple[str, ...]) -> Provided:
    try:
        answer = provider.label(song, missing)
    except RefusedError:
        raise
    except SidestepError as error:
        finding = Finding(Severity.WARNING, "provider-failed", f"Not labelled: {error.what}", song.key, error.fix)
        return Provided(song.key, findings=(finding,))
    return Provided(song.key, _edit(song, answer, missing, provider.name), answer.usage)


def _edit(song: Song, answer: Answer, missing: tuple[str, ...], name: str) -> Edit | None:
    values = {field_name: value for field_name, value in answer.values.items() if field_name in missing}
    if not values:
        return None
    beliefs = {one: Belief(name, _rounded(answer.confidence.get(one))) for one in values}
    return Edit(values, (song.key,), Source.PROVIDER, beliefs)


def _rounded(confidence: float | None) -> float | None:
    return None if confidence is None else round(confidence, 3)
