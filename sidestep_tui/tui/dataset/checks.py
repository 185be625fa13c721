"""What is wrong with each song, kept up to date while songs are edited. No Textual here.

Checking everything reads pieces of audio files and takes a second or two for thousands of songs, so an edit checks
only the songs that it touched; what depends on all songs waits for the next whole check.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sidestep_tui.dataset.findings import IDENTICAL_CAPTIONS, check_dataset, identical_captions
from sidestep_tui.dataset.label_measures import MeasureCache
from sidestep_tui.dataset.song import Dataset, Finding, Severity, Song

_OF_SEVERAL = frozenset({"duplicate", "same-recording", "shared-name"})
"""Findings of one song that only a look at all of them shows."""

SYMBOLS = {Severity.ERROR: ("×", "error"), Severity.WARNING: ("!", "warning"), Severity.INFO: ("·", "text-muted")}
"""For each severity its symbol and the theme variable of its colour."""


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """All findings of one code."""

    severity: Severity
    code: str
    findings: tuple[Finding, ...]


class Checks:
    """The findings of a data set by song; empty until `replace_all` was called with the first whole check.

    Args:
        measures: of the sound of songs, which are checked with the rest.
    """

    def __init__(self, measures: MeasureCache) -> None:
        self._measures = measures
        self.complete = False
        """Whether the whole data set was checked."""
        self.whole: tuple[Finding, ...] = ()
        """Findings about no song, and about files that could not be read."""
        self._by_song: dict[str, tuple[Finding, ...]] = {}

    def of(self, key: str) -> tuple[Finding, ...]:
        """The findings of a song, the worst first."""
        return self._by_song.get(key, ())

    def counts(self, key: str) -> tuple[int, int, int]:
        """Errors, warnings and remarks of a song."""
        found = Counter(finding.severity for finding in self.of(key))
        return found[Severity.ERROR], found[Severity.WARNING], found[Severity.INFO]

    def has(self, key: str, *, code: str | None = None, severity: Severity | None = None) -> bool:
        """Whether a song has a finding of this code and this severity."""
        return any(code in (None, one.code) and severity in (None, one.severity) for one in self.of(key))

    def replace_all(self, dataset: Dataset, findings: Iterable[Finding]) -> None:
        """Takes over a whole check of `dataset`."""
        known = {song.key for song in dataset.songs}
        by_song: dict[str, list[Finding]] = defaultdict(list)
        whole: list[Finding] = []
        for finding in findings:
            if finding.song in known:
                by_song[str(finding.song)].append(finding)
            else:
                whole.append(finding)
        self._by_song = {key: tuple(found) for key, found in by_song.items()}
        self.whole = tuple(whole)
        self.complete = True

    def update(self, dataset: Dataset, songs: Iterable[Song]) -> None:
        """Checks these songs of `dataset` again."""
        noticed = defaultdict(list)
        for finding in dataset.findings:
            noticed[finding.song].append(finding)
        for song in songs:
            before = [finding for finding in self._by_song.get(song.key, ()) if finding.code in _OF_SEVERAL]
            alone = replace(dataset, songs=(song,), failures=(), findings=(*noticed[song.key], *before))
            self._by_song[song.key] = tuple(one for one in check_dataset(alone, self._measures) if one.song == song.key)
        others = (finding for finding in self.whole if finding.code != IDENTICAL_CAPTIONS)
        self.whole = (*others, *identical_captions(dataset))

    def groups(self) -> list[FindingGroup]:
        """All findings by code, the worst first, and among those the most frequent."""
        held: dict[tuple[Severity, str], list[Finding]] = defaultdict(list)
        everything = [*self.whole, *(one for found in self._by_song.values() for one in found)]
        for finding in everything:
            held[finding.severity, finding.code].append(finding)
        order = list(Severity)
        groups = [FindingGroup(severity, code, tuple(found)) for (severity, code), found in held.items()]
        return sorted(groups, key=lambda group: (order.index(group.severity), -len(group.findings), group.code))
