"""Labelling a data set with a provider: what is asked, what is kept, when it ends."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sidestep_tui.dataset.edits import apply_edits
from sidestep_tui.dataset.providers.base import Answer, Provider, RefusedError, Usage
from sidestep_tui.dataset.providers.run import Provided, label_with_provider
from sidestep_tui.dataset.song import Dataset, LyricTime, Song, Source
from sidestep_tui.errors import SidestepError, UsageError
from tests.dataset.conftest import song


class Known:
    """A provider that answers from a table, and fails for what is not in it."""

    name = "known"
    fields = frozenset({"caption", "lyrics"})

    def __init__(self, answers: dict[str, Answer], error: Callable[[], SidestepError] | None = None) -> None:
        self.answers, self.error = answers, error or (lambda: SidestepError("no idea"))
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def label(self, song: Song, fields: Any) -> Answer:
        self.asked.append((song.key, tuple(fields)))
        if song.key not in self.answers:
            raise self.error()
        return self.answers[song.key]


def dataset_of(*songs: Song) -> Dataset:
    return Dataset(root=Path("/music"), songs=songs)


def run_all(dataset: Dataset, provider: Provider, *fields: str) -> tuple[Dataset, list[Provided]]:
    given = list(label_with_provider(dataset, provider, fields))
    for one in given:
        if one.edit is not None:
            dataset = apply_edits(dataset, [one.edit])
    return dataset, given


def test_only_what_is_missing_is_asked_for_and_filled() -> None:
    provider = Known({"a.wav": Answer({"caption": "new", "lyrics": "new"}, {"lyrics": 0.5}, Usage(1, 10, 5))})
    dataset = dataset_of(song("a.wav", caption="mine"), song("b.wav", caption="mine", is_instrumental=True))
    after, given = run_all(dataset, provider, "caption", "lyrics")
    assert provider.asked == [("a.wav", ("lyrics",))]
    first = after.songs[0]
    assert (first.caption, first.lyrics) == ("mine", "new")
    assert first.source("lyrics") is Source.PROVIDER
    assert (first.beliefs["lyrics"].by, first.beliefs["lyrics"].confidence) == ("known", 0.5)
    assert sum((one.usage for one in given), Usage()) == Usage(1, 10, 5)


def test_second_run_asks_nothing() -> None:
    provider = Known({"a.wav": Answer({"lyrics": "la"})})
    after, _ = run_all(dataset_of(song("a.wav")), provider, "lyrics")
    assert run_all(after, provider, "lyrics")[1] == []


def test_times_of_a_transcription_are_kept() -> None:
    provider = Known({"a.wav": Answer({"lyrics": "[00:01.50]la\n[00:03.00]lo"})})
    after, _ = run_all(dataset_of(song("a.wav")), provider, "lyrics")
    assert after.songs[0].lyrics == "la\nlo"
    assert after.songs[0].lyric_times == (LyricTime(1.5, "la"), LyricTime(3.0, "lo"))


def test_song_that_fails_is_named_and_the_rest_goes_on() -> None:
    provider = Known({"b.wav": Answer({"lyrics": "la"})})
    after, given = run_all(dataset_of(song("a.wav"), song("b.wav")), provider, "lyrics")
    assert [one.findings[0].code if one.findings else None for one in given] == ["provider-failed", None]
    assert after.songs[1].lyrics == "la"


def test_refusal_ends_the_run() -> None:
    provider = Known({"a.wav": Answer({"lyrics": "la"})}, lambda: RefusedError("no credit"))
    results = label_with_provider(dataset_of(song("a.wav"), song("b.wav")), provider, ["lyrics"])
    assert next(results).edit is not None
    with pytest.raises(RefusedError):
        next(results)


def test_server_that_fails_five_songs_in_a_row_is_down() -> None:
    many = dataset_of(*(song(f"{index}.wav") for index in range(9)))
    results = label_with_provider(many, Known({}), ["lyrics"])
    assert len([next(results) for _ in range(5)]) == 5
    with pytest.raises(SidestepError, match="5 songs in a row"):
        next(results)


def test_failures_with_an_answer_between_them_do_not_end_the_run() -> None:
    many = dataset_of(*(song(f"{index}.wav") for index in range(9)))
    _, given = run_all(many, Known({"4.wav": Answer({"lyrics": "la"})}), "lyrics")
    assert [bool(one.findings) for one in given] == [True] * 4 + [False] + [True] * 4


def test_provider_that_fills_none_of_the_fields_is_not_asked() -> None:
    with pytest.raises(UsageError, match="fills none"):
        label_with_provider(dataset_of(song()), Known({}), ["language"])
