"""`sidestep queue` tells of the chains as the terminal application does, and no run is started out of its turn."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from sidestep_tui.config.jobs import ExportSettings
from sidestep_tui.config.places import runs_home
from sidestep_tui.runs import events as ev
from sidestep_tui.runs import queue, standing
from sidestep_tui.runs.devices import note_devices
from sidestep_tui.runs.directory import RunDirectory, create_run
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.runs.queue import sole_worker, start_queue

from .conftest import Result

Cli = Callable[..., Result]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The queue files whose processes would have been started."""
    files: list[Path] = []
    for place in ("runs.queue", "runs.standing", "cli.queue"):
        monkeypatch.setattr(f"sidestep_tui.{place}.resume_queue", files.append)
    return files


@pytest.fixture
def chain(started: list[Path], sidestep: Cli) -> list[RunDirectory]:
    """Three runs of a chain; nothing works it off."""
    settings = ExportSettings(adapter=Path("/a"), output=Path("/b"))
    runs = [create_run(runs_home() / name, "export", settings) for name in ("encode", "measure", "learn")]
    start_queue(runs)
    started.clear()
    return runs


@pytest.fixture
def at_work(chain: list[RunDirectory]) -> Iterator[ExitStack]:
    """As if a process were at the chain, until it is closed."""
    (file,) = queue.queues_home().glob("*.json")
    with ExitStack() as stack:
        stack.enter_context(sole_worker(file))
        yield stack


def end(run: RunDirectory, event: ev.Event) -> None:
    with EventWriter(run.events_file) as events:
        events.write(ev.RunStarted(job="export", pid=1, host="h", device="cpu", version="0"))
        events.write(event)


def test_the_list_tells_of_a_chain_at_work(sidestep: Cli, chain: list[RunDirectory], at_work: ExitStack) -> None:
    told = sidestep("queue", "list").out
    assert "The queue is empty." in told
    assert "A chain is at work beside it: encode. 2 more runs wait for that." in told
    document = sidestep("queue", "list", "--json").json()
    assert document["chains"][0]["working"]
    assert [run["path"] for run in document["chains"][0]["runs"]] == [str(run.path) for run in chain]
    assert [run["condition"] for run in document["chains"][0]["runs"]] == ["waiting"] * 3


def test_the_list_tells_what_is_in_the_way(sidestep: Cli, chain: list[RunDirectory], at_work: ExitStack) -> None:
    other = create_run(runs_home() / "other", "export", chain[0].settings())
    standing.add(create_run(runs_home() / "queued", "export", chain[0].settings()))
    with other.held(), sole_worker(standing.queue_file()):
        note_devices(other)
        told = sidestep("queue", "list").out
        assert "The queue is waiting until other leaves the device" in told
        assert "A chain waits: encode starts when other leaves the device. 2 more runs wait for that." in told
        document = sidestep("queue", "list", "--json").json()
    assert document["waits_for"] == document["chains"][0]["waits_for"] == [str(other.path)]


@pytest.mark.parametrize("verb", [("resume",), ("queue", "add")])
def test_a_run_out_of_turn_is_refused(
    sidestep: Cli, chain: list[RunDirectory], at_work: ExitStack, started: list[Path], verb: tuple[str, ...]
) -> None:
    refused = sidestep(*verb, "learn")
    assert refused.code == 1
    assert "A chain starts this run by itself, after measure: it needs what that one makes." in refused.err
    assert f"where: {chain[2].path}" in refused.err
    assert "fix:   wait: `sidestep queue list`" in refused.err
    assert (standing.read().runs, started) == ((), [])


def test_a_chain_that_a_reboot_has_cut_off_goes_on_with_the_queue(
    sidestep: Cli, chain: list[RunDirectory], started: list[Path]
) -> None:
    told = sidestep("queue", "list").out
    (file,) = queue.queues_home().glob("*.json")
    assert "A chain has ended early at encode (waiting)" in told
    assert f"`sidestep queue resume {chain[0].path}`" in told
    assert sidestep("queue", "resume").code == 0
    assert started == [file]


def test_a_chain_that_has_ended_at_a_failure_goes_on_when_it_is_named(
    sidestep: Cli, chain: list[RunDirectory], started: list[Path], at_work: ExitStack
) -> None:
    end(chain[0], ev.RunFailed(what="no"))
    assert sidestep("queue", "resume", "encode").code == 2  # it is at work
    at_work.close()
    assert sidestep("queue", "resume").code == 0
    assert started == []
    standing.set_paused(True)
    assert "A chain has ended early at encode (failed)" in sidestep("queue", "resume", "learn").out
    (file,) = started
    assert file.stem.isdecimal()
    assert standing.read().paused  # the queue was not meant
    wrong = sidestep("queue", "resume", "learn", "stray")
    assert wrong.code == 2
    stray = create_run(runs_home() / "stray", "export", chain[0].settings())
    wrong = sidestep("queue", "resume", "learn", "stray")
    assert (wrong.code, f"where: {stray.path}" in wrong.err) == (2, True)
    assert started == [file]


def test_a_chain_that_is_done_is_not_told(sidestep: Cli, chain: list[RunDirectory], at_work: ExitStack) -> None:
    for run in chain:
        end(run, ev.RunCompleted())
    assert sidestep("queue", "list", "--json").json()["chains"] == []


def test_a_run_that_is_to_come_is_watched_from_its_start(
    sidestep: Cli, chain: list[RunDirectory], at_work: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, measure, learn = chain
    other = create_run(runs_home() / "other", "export", learn.settings())
    happens = [
        lambda: end(encode, ev.RunCompleted()),
        lambda: at_work.enter_context(other.held()),
        lambda: note_devices(other),
        lambda: end(measure, ev.RunCompleted()),
    ]
    monkeypatch.setattr("sidestep_tui.cli.follow.time", SimpleNamespace(sleep=lambda _seconds: happens.pop(0)()))
    watched = sidestep("watch", "measure")
    assert (watched.code, happens) == (0, [])
    assert watched.out.splitlines()[:2] == [
        "measure starts by itself after encode.",
        "measure starts when other leaves the device.",
    ]
    assert "completed" in watched.out
    at_work.close()
    refused = sidestep("runs", "attach", "learn")
    assert refused.code == 1
    assert "The run has not begun." in refused.err
    assert f"`sidestep resume {learn.path}` starts it" in refused.err
