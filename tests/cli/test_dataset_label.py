"""`sidestep dataset label` on folders of small songs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.dataset.edits import Edit
from sidestep_tui.dataset.proposals import Proposals
from sidestep_tui.dataset.session import load_dataset
from sidestep_tui.dataset.song import Source
from sidestep_tui.errors import ExitCode
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import RunCompleted, RunStarted
from sidestep_tui.runs.log import EventWriter
from tests.dataset.loopback import serving


@pytest.fixture
def songs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One song: a click at 120 beats per minute over an A."""
    monkeypatch.setenv("SIDESTEP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rate, seconds = 22_050, 12
    time = np.arange(rate * seconds) / rate
    click = np.exp(-(time % 0.5) * 60) * np.sin(2 * np.pi * 900 * time)
    folder = tmp_path / "songs"
    write_audio(folder / "a.wav", np.tile(0.4 * click + 0.1 * np.sin(2 * np.pi * 440 * time), (2, 1)), rate)
    return folder


def test_label_fills_and_saves(sidestep: Callable[..., Any], songs: Path) -> None:
    result = sidestep("dataset", "label", songs, "--fields", "bpm,key", "--save", "--json")
    song, summary = result.json_lines()
    assert result.code == ExitCode.DONE, result.err
    assert song["song"] == "a.wav"
    assert song["set"]["bpm"] in {"60", "120"}
    assert set(song["set"]) == {"bpm", "keyscale"}
    assert "false-stereo" in {finding["code"] for finding in song["findings"]}
    assert (summary["songs"], summary["labelled"], summary["failed"]) == (1, 1, 0)
    (saved,) = load_dataset(songs / "dataset.json").songs
    assert str(saved.bpm) == song["set"]["bpm"]
    assert saved.source("bpm") is Source.GUESSED


def test_label_without_save_leaves_the_edits_in_the_journal(sidestep: Callable[..., Any], songs: Path) -> None:
    result = sidestep("dataset", "label", songs, "--fields", "bpm")
    assert result.code == ExitCode.DONE, result.err
    assert "not saved yet" in result.out
    assert not (songs / "dataset.json").exists()
    (song,) = load_dataset(songs).songs
    assert song.bpm is not None


def test_label_again_finds_nothing_missing(sidestep: Callable[..., Any], songs: Path) -> None:
    sidestep("dataset", "label", songs, "--fields", "bpm", "--save")
    result = sidestep("dataset", "label", songs / "dataset.json", "--fields", "bpm", "--json")
    assert [line.get("set") for line in result.json_lines()] == [{}, None]


def test_a_filter_that_no_song_fits_is_not_taken_for_a_whole_data_set(
    sidestep: Callable[..., Any], songs: Path
) -> None:
    """A mistyped filter left all songs without labels, and was told that nothing is missing."""
    assert sidestep("dataset", "label", songs, "--where", "bpm=777").out.startswith("no song fits, 0 failed")


def test_field_that_is_not_heard_is_a_wrong_usage(sidestep: Callable[..., Any], songs: Path) -> None:
    result = sidestep("dataset", "label", songs, "--fields", "caption")
    assert result.code == ExitCode.USAGE
    assert "caption" in result.err


def test_provider_without_key_is_a_wrong_usage(
    sidestep: Callable[..., Any], songs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    result = sidestep("dataset", "label", songs, "--provider", "gemini")
    assert result.code == ExitCode.USAGE
    assert "GEMINI_API_KEY" in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--provider", "lrclib", "--per-minute", "-3"), "per_minute: must be more than 0, not -3"),
        (("--captioner", "nowhere"), "captioner: nowhere"),
        (("--lm", "nowhere"), "lm: nowhere"),
        (("--lm", ".", "--captioner", "."), "One source fills in what is missing."),
        (("--lm", ".", "--provider", "lrclib"), "One source fills in what is missing."),
        (("--codec", "."), "Only the language model hears with another model."),
        (("--lm", ".", "--fields", "lyrics"), "The model fills none of these fields."),
    ],
)
def test_what_no_provider_could_use_is_told_at_once(
    sidestep: Callable[..., Any], songs: Path, arguments: tuple[str, ...], words: str
) -> None:
    """Fewer than no requests a minute were as many as the line took, and a missing model a name on the Hub."""
    result = sidestep("dataset", "label", songs, *arguments)
    assert (result.code, result.out) == (ExitCode.USAGE, "")
    assert words in result.err


def test_provider_that_is_not_reached_fails_and_says_so(
    sidestep: Callable[..., Any], songs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidestep_tui.dataset.providers.http._FIRST_WAIT", 0.0)
    (songs / "a.wav").rename(songs / "Artist - Title.wav")
    result = sidestep("dataset", "label", songs, "--provider", "lrclib", "--base-url", "http://127.0.0.1:9")
    assert result.code == ExitCode.FAILED
    assert "was not reached" in result.out


def test_what_a_provider_does_not_know_is_counted_with_what_it_cost(sidestep: Callable[..., Any], songs: Path) -> None:
    (songs / "a.wav").rename(songs / "Artist - Title.wav")
    with serving() as server:
        server.will_answer({}, status=404)
        command = ("dataset", "label", songs, "--provider", "lrclib", "--base-url", server.url)
        result = sidestep(*command)
        assert result.code == ExitCode.DONE
        assert "0 of 1 song labelled, 0 failed, 1 without an answer, 1 request" in result.out
        assert "not saved yet" not in result.out
        server.answers.clear()
        server.will_answer({"plainLyrics": "rain", "syncedLyrics": "[00:01.00]rain"})
        assert "1 of 1 song labelled" in sidestep(*command, "--save").out
    again = sidestep("dataset", "label", songs / "dataset.json", "--provider", "lrclib", "--base-url", server.url)
    assert again.code == ExitCode.DONE
    assert again.out.strip() == "nothing is missing, 0 failed"


def test_what_a_local_model_could_not_do_is_counted(
    sidestep: Callable[..., Any], songs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's failures are the command's: no zero songs, zero failed and exit code 0."""

    def engine(run: RunDirectory, _out: object, *, detach: bool) -> None:
        Proposals(run.path).add(Edit({"caption": "slow"}, ("a.wav",), Source.PROVIDER))
        with EventWriter(run.events_file) as events:
            events.write(RunStarted(job="label", pid=1, host="", device="cpu", version="", settings={}))
            events.write(RunCompleted(results={"songs": 3, "labelled": 1, "failed": 2}))

    monkeypatch.setattr("sidestep_tui.cli.dataset_label.launch_and_follow", engine)
    result = sidestep("dataset", "label", songs, "--captioner", songs, "--json")
    song, summary = result.json_lines()
    assert song["set"] == {"caption": "slow"}
    assert (summary["songs"], summary["labelled"], summary["failed"]) == (3, 1, 2)
    assert result.code == ExitCode.FAILED


def test_a_run_of_its_own_says_where_its_finds_wait(sidestep: Callable[..., Any], songs: Path, tmp_path: Path) -> None:
    """Nothing is in the data set yet: whoever went on to preprocess it would never have learned that."""
    result = sidestep("label", songs, "--by", "sound", "--fields", "tempo,key", "--output", tmp_path / "run")
    assert result.code == ExitCode.DONE, result.err
    assert f"`sidestep dataset review {songs}` takes over what was found" in result.out
    assert "labelling: 1 song by sound" in result.out
    assert "requests" not in result.out  # nobody was asked
    (edit,) = Proposals(tmp_path / "run").waiting()
    assert set(edit.changes) == {"bpm", "keyscale"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--by", "gemini"), "needs a key"),
        (("--by", "local"), "No local model is named."),
        (("--by", "local", "--captioner", ".", "--fields", "lyrics"), "The model fills none of these fields."),
        (("--by", "acestep"), "No language model is named."),
        (("--by", "acestep", "--lm", ".", "--fields", "key"), "The model fills none of these fields."),
        (("--fields", "mood"), "Songs have no such field"),
        (("--fields", "caption"), "This field cannot be labelled offline."),
        (("--by", "lrclib", "--fields", "tempo"), "The provider lrclib fills none of these fields."),
    ],
    ids=["key", "models", "captioner", "no-lm", "lm", "field", "sound", "provider"],
)
def test_a_run_that_could_only_fail_is_not_started(
    sidestep: Callable[..., Any], songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...], words: str,
) -> None:  # fmt: skip
    """Detached, it said that it was running."""
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    result = sidestep("label", songs, *arguments, "--output", tmp_path / "run", "--detach")
    assert (result.code, result.out) == (ExitCode.USAGE, "")
    assert words in result.err
    assert not (tmp_path / "run").exists()


def test_an_analyser_that_is_not_installed_is_told_before_an_engine_starts(
    sidestep: Callable[..., Any], songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidestep_tui.dataset.analysis.by_essentia.is_installed", lambda: False)
    result = sidestep("label", songs, "--analyser", "essentia", "--output", tmp_path / "run", "--detach")
    assert (result.code, result.out, "Essentia is not installed." in result.err) == (ExitCode.FAILED, "", True)
    assert not (tmp_path / "run").exists()
