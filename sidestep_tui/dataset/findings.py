"""What to look at before training: everything about a data set that would harm the adapter or end in a surprise."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from sidestep_tui.dataset.duplicates import same_content, same_sound
from sidestep_tui.dataset.label_findings import check_labels
from sidestep_tui.dataset.label_measures import MeasureCache
from sidestep_tui.dataset.song import Dataset, Finding, Severity
from sidestep_tui.dataset.song_findings import SONG_CHECKS
from sidestep_tui.dataset.sound_findings import check_sound
from sidestep_tui.dataset.text import printable
from sidestep_tui.told import told

IDENTICAL_CAPTIONS: Final = "identical-captions"


def check_dataset(dataset: Dataset, measures: MeasureCache | None = None) -> list[Finding]:
    """All findings of a data set: what its readers noticed, what failed, and what each song and the whole show.

    Reads pieces of the audio files whose sizes are equal, to find copies; decodes nothing.

    Args:
        dataset: the songs.
        measures: what was measured of their sound, to be checked too.

    Returns:
        Errors first, then warnings, then information; within each by song.
    """
    found = [*dataset.findings, *_failed(dataset), *_whole(dataset, measures)]
    for song in dataset.songs:
        found += [finding for check in SONG_CHECKS if (finding := check(song, dataset.metadata)) is not None]
        found += check_labels(song)
        if measures is not None and (known := measures.known(song)) is not None:
            found += check_sound(song, dataset.metadata, known)
    order = list(Severity)
    return sorted(found, key=lambda one: (order.index(one.severity), one.song or "", one.code))


def _failed(dataset: Dataset) -> Iterator[Finding]:
    for failure in dataset.failures:
        yield Finding(
            Severity.ERROR,
            "unreadable",
            told("It is left out: {reason}.", reason=failure.reason),
            failure.key,
            failure.fix,
        )


def _whole(dataset: Dataset, measures: MeasureCache | None) -> Iterator[Finding]:
    if not dataset.songs:
        yield Finding(
            Severity.ERROR, "no-songs", told("There is not one song that can be read."), fix=told("see what failed")
        )
    yield from identical_captions(dataset)
    yield from _copies(dataset, measures)
    yield from _shared_sidecars(dataset)


def identical_captions(dataset: Dataset) -> Iterator[Finding]:
    """What is wrong where all songs have one caption: of the findings about no song the only one that edits change."""
    first = dataset.songs[0].caption if len(dataset.songs) > 1 else ""
    if first and all(song.caption == first for song in dataset.songs):
        text = printable(first[:60])
        message = told('All {count} songs have the same caption: "{caption}".', count=len(dataset.songs), caption=text)
        fix = told("describe what sets each song apart; the trigger tag is for what they share")
        yield Finding(Severity.WARNING, IDENTICAL_CAPTIONS, message, fix=fix)


def _copies(dataset: Dataset, measures: MeasureCache | None) -> Iterator[Finding]:
    """One finding for each song that another holds already, byte for byte or by its sound."""
    fix = told("remove one of them; repeat is there for weight")
    named: set[str] = set()
    for keys in same_content(dataset.songs):
        for key in keys[1:]:
            named.add(key)
            message = told("The file is a copy of {song}.", song=printable(keys[0]))
            yield Finding(Severity.WARNING, "duplicate", message, key, fix)
    for first, key, differing in same_sound(dataset.songs, measures) if measures is not None else ():
        if key not in named:
            named.add(key)
            message = told(
                "It is the recording of {song}: {share:.0%} of their fingerprints agree.",
                song=printable(first),
                share=1 - differing,
            )
            yield Finding(Severity.WARNING, "same-recording", message, key, fix)


def _shared_sidecars(dataset: Dataset) -> Iterator[Finding]:
    stems: dict[str, list[str]] = defaultdict(list)
    for song in dataset.songs:
        stems[song.key.rpartition(".")[0]].append(song.key)
    for keys in stems.values():
        for key in keys[1:]:
            message = told(
                "It has the same name as {song} but for the ending: they share lyrics and labels.",
                song=printable(keys[0]),
            )
            yield Finding(
                Severity.WARNING, "shared-name", message, key, told("remove the worse encoding, or rename it")
            )
