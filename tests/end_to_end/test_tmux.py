"""Real terminals: a run is lost and found again and stopped; a preset goes through clipboard and paste."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sidestep_tui.config.places import user_presets
from sidestep_tui.config.presets.shelf import find_preset
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import summarise
from sidestep_tui.runs.log import read_events

from .conftest import SIDESTEP, Terminals, needs_tmux, until

pytestmark = [pytest.mark.slow, needs_tmux]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDirectory]:
    """A run directory to be; no engine is left behind on it, however the test ends."""
    made = RunDirectory(tmp_path / "long")
    yield made
    if made.alive():
        pid = next(event.pid for event in read_events(made.events_file) if isinstance(event, ev.RunStarted))
        os.kill(pid, signal.SIGKILL)


def test_a_run_outlives_its_terminal_and_is_stopped_from_another(
    terminals: Terminals, tensors: Path, tiny_checkpoint: Path, run: RunDirectory
) -> None:
    words = ("train", tensors, "--model", tiny_checkpoint, "--output", run.path, "--detach", "--model.device", "cpu")
    terminals.start("first", *SIDESTEP, *words, "--training.epochs", "100000", "--lr", "1e-5")
    until(run.alive, "the engine starts")
    until(lambda: "is running" in terminals.text("first"), "the command returns")
    terminals.start("watcher", *SIDESTEP, "watch", run.path)
    until(lambda: "step " in terminals.text("watcher"), "the lines tell of steps")
    terminals.kill("first")
    terminals.kill("watcher")
    seen = summarise(run).state.step
    until(lambda: summarise(run).state.step > seen + 3, "the run goes on without any terminal")
    terminals.start("second", *SIDESTEP, "runs", "attach", run.path)
    until(lambda: "● running" in terminals.text("second"), "another terminal shows the run")
    until(lambda: "of 300 000 steps" in terminals.text("second"), "with its plan from before")
    until(lambda: "step" in terminals.text("second") and "┤" in terminals.text("second"), "and its curve")
    terminals.press("second", "x")
    until(lambda: "Stop the run long?" in terminals.text("second"), "it asks")
    assert run.alive()
    terminals.press("second", "y")
    until(lambda: not run.alive(), "the engine saves and ends")
    until(lambda: "■ stopped" in terminals.text("second"), "the viewer says so")
    told = read_events(run.events_file)
    steps = [event.step for event in told if isinstance(event, ev.StepCompleted)]
    assert steps == list(range(1, len(steps) + 1))
    assert isinstance(told[-1], ev.RunStopped)
    assert (run.checkpoints / f"step-{steps[-1]:08d}").is_dir()


def test_a_preset_goes_out_by_the_clipboard_and_comes_in_by_a_paste(terminals: Terminals) -> None:
    terminals.start("presets", *SIDESTEP)
    terminals.accept_copies()
    until(lambda: "Presets" in terminals.text("presets"), "the application is there")
    terminals.press("presets", "p")
    until(lambda: "2b-8gb" in terminals.text("presets"), "the presets are listed")
    terminals.press("presets", "y")
    until(lambda: terminals.copied() != "", "the preset is in the terminal's clipboard")
    document = json.loads(terminals.copied())
    assert document == find_preset("2b-8gb", Path("/")).as_document()
    terminals.press("presets", "i")
    until(lambda: "Import a preset" in terminals.text("presets"), "it takes one in")
    terminals.paste("presets", json.dumps({**document, "name": "back again"}, indent=2))
    until(lambda: '"training"' in terminals.text("presets"), "all lines of the paste arrive")
    terminals.press("presets", "C-s")
    until(lambda: "Keep this preset as back again?" in terminals.text("presets"), "it asks")
    terminals.press("presets", "y")
    until(lambda: (user_presets() / "back again.json").exists(), "it is kept")
    assert find_preset("back again", Path("/")).settings == document["settings"]


def test_an_application_that_is_ended_from_outside_gives_its_terminal_back(terminals: Terminals) -> None:
    terminals.start("ended", *SIDESTEP)
    until(lambda: "No runs yet" in terminals.text("ended"), "the application is there")
    assert terminals.told("ended", "alternate_on") == "1"
    [application] = psutil.Process(int(terminals.told("ended", "pane_pid"))).children()
    application.terminate()
    until(lambda: terminals.told("ended", "alternate_on") == "0", "the terminal shows what it showed before")
    assert [terminals.told("ended", name) for name in ("mouse_any_flag", "cursor_flag")] == ["0", "1"]
    terminals.press("ended", "back", "Enter")
    until(lambda: terminals.text("ended").split().count("back") == 2, "what is typed is seen, and read")
