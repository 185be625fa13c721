"""One fix for many songs: everything that follows from the songs themselves for one kind of finding."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sidestep_tui.dataset.edits import Edit
from sidestep_tui.dataset.fixes import fix_for
from sidestep_tui.dataset.label_measures import MeasureCache
from sidestep_tui.dataset.song import Dataset, Finding


@dataclass(frozen=True, slots=True)
class GroupedFix:
    """What can be done about all findings of one code."""

    edits: tuple[Edit, ...]
    """One for each song that can be mended; `EditSession.apply_all` makes them one step."""
    left: tuple[str, ...]
    """Keys of songs about which only a person can say more, or nobody."""


def grouped_fix(
    dataset: Dataset,
    findings: Iterable[Finding],
    code: str,
    measures: MeasureCache,
    keys: Collection[str] | None = None,
) -> GroupedFix:
    """Collects the fixes of one kind of finding.

    Args:
        dataset: the songs.
        findings: of the data set; other codes are passed over.
        code: of the findings to be mended.
        measures: of the songs' sound.
        keys: the songs; all that have the finding without it.
    """
    songs = dataset.by_key()
    edits: list[Edit] = []
    left: list[str] = []
    for finding in findings:
        song = songs.get(finding.song or "")
        if finding.code != code or song is None or (keys is not None and song.key not in keys):
            continue
        fix = fix_for(finding, song, dataset.metadata, measures.known(song))
        if fix is not None and fix.changes:
            edits.append(Edit(dict(fix.changes), (song.key,)))
        else:
            left.append(song.key)
    return GroupedFix(tuple(edits), tuple(left))
