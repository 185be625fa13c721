"""The line-by-line wizard measures before it starts: how much is tried, what was found, what it says."""

from pathlib import Path

import pytest

from sidestep_tui.config.memory.estimate import GIB
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.log import EventWriter
from tests.tui.wizard.conftest import card
from tests.tui.wizard.support import finding_engine, measuring_engine, one_song

from .support import Talk


def test_the_review_measures_and_tells_the_figures(talk: Talk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = one_song(tmp_path / "tensors")
    monkeypatch.setattr("sidestep_tui.tui.wizard.start.launch", measuring_engine("NVIDIA L4"))
    _, lines, run = talk("/a/model", str(tensors), ":review", "2", "", "9", cards=(card(8 * GIB),))
    assert run is None
    assert "Time: 1 300 steps; how long is not measured with these settings." in lines
    assert "Time: 1 300 steps, about 10 min 50 s at 0.5 s a step, measured by a preflight." in lines
    assert any(line.startswith("Memory: 4.7 GiB measured by a preflight (estimated: ") for line in lines)
    assert sum("Preflight: " in line for line in lines) == 1, "it is not offered again"


def test_a_preflight_that_fails_says_why(talk: Talk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def engine(run: RunDirectory) -> None:
        with EventWriter(run.events_file) as events:
            events.write(ev.RunFailed(what="The songs are gone.", where="/a/tensors"))

    monkeypatch.setattr("sidestep_tui.tui.wizard.start.launch", engine)
    _, lines, _ = talk("/a/model", "/a/tensors", ":review", "2", "1", "10")
    assert lines[lines.index("The songs are gone.") + 1] == "Where: /a/tensors"


def test_the_review_asks_how_much_is_tried_and_takes_what_was_found(
    talk: Talk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("sidestep_tui.tui.wizard.start.launch", finding_engine("NVIDIA L4", asked))
    go = ("/a/model", str(one_song(tmp_path / "tensors")), ":review", "2", "4", "3", "3", "11")
    state, lines, _ = talk(*go, cards=(card(8 * GIB),))
    assert "Give a number from 1 to 3." in lines
    assert asked == ["fastest"]
    assert any(line.startswith("3. Take what was found: checkpointing half,") for line in lines)
    memory = state.document.settings().memory
    assert (memory.checkpointing, memory.compile) == ("half", True)
