"""`sidestep listen`: two samples of a run beside each other, and the lines that fetch them."""

import json
from pathlib import Path

import numpy as np
import pytest

from sidestep_tui.cli.main import main
from sidestep_tui.config.generate import GenerateSettings
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.dataset.audio import SAMPLE_RATE, write_audio
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory, create_run
from sidestep_tui.runs.history import remember_run
from sidestep_tui.runs.log import EventWriter

SECONDS = 3


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A training run with samples of two steps: a low tone and a high one."""
    settings = {"model": {"checkpoint": "m"}, "data": {"tensors": "t"}}
    run = create_run(tmp_path / "tune", "train", TrainSettings.model_validate(settings))
    time = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    with EventWriter(run.events_file) as events:
        for step, hertz in ((0, 110), (10, 440), (20, 3520)):
            tone = (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)
            write_audio(run.samples / f"step {step}.wav", np.stack([tone, tone]))
            events.write(ev.SampleWritten(path=f"samples/step {step}.wav", prompt="[bold] piano", seed=1, step=step))
    return run


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["listen", *arguments]) == 0
    return capsys.readouterr().out


def shade(cells: str) -> int:
    return sum(" ░▒▓█".index(cell) for cell in cells)


def test_the_last_two_checkpoints_are_drawn_beside_each_other(
    run: RunDirectory, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = shown(capsys, str(run.path)).splitlines()
    assert lines[-4:-2] == ["", "To fetch one, on the machine in front of you:"]
    assert "[bold] piano" in lines[1]
    title = next(place for place, line in enumerate(lines) if line.startswith("2 step 10, "))
    assert "3 step 20, " in lines[title]
    assert "0:00" in lines[title + 15]
    picture = lines[title + 1 : title + 15]
    assert all(len(line.rstrip()) <= 80 for line in picture)
    loudest = [max(range(14), key=lambda row: shade(picture[row][part])) for part in (slice(5, 40), slice(45, 80))]
    assert loudest[0] > loudest[1] + 3  # the first row is the highest frequency


def test_the_copying_line_is_printed_whole_and_quoted(
    run: RunDirectory, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.2 50000 10.0.0.1 2222")
    monkeypatch.setenv("USER", "you")
    monkeypatch.setenv("LOGNAME", "you")
    document = json.loads(shown(capsys, str(run.path), "--json"))
    assert document["shown"] == [2, 3]
    song = run.samples / "step 20.wav"
    assert document["samples"][2]["copy"] == f"scp -P 2222 'you@10.0.0.1:{song}' ."
    assert document["samples"][2]["copy"] in shown(capsys, str(run.path))


def test_samples_are_chosen_by_number(run: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, str(run.path), "--samples", "3,1")
    assert "3 step 20, " in text
    assert "1 base model, " in text
    for wrong in ("4", "1,2,3", "x"):
        assert main(["listen", str(run.path), "--samples", wrong]) == 2
        assert "--samples" in capsys.readouterr().err


def test_what_is_shown_unasked_differs_in_its_weights_alone(
    run: RunDirectory, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Neither songs of other tempo, nor `final` beside the checkpoint that it is the same as."""
    with EventWriter(run.events_file) as events:
        events.write(ev.CheckpointSaved(step=20, path="final", kind="final"))
    tone = np.zeros((2, SAMPLE_RATE), np.float32)
    made = [("final", 90), ("checkpoints/step-00000020", 90), ("checkpoints/step-00000010", 90), ("final", 120)]
    for place, (adapter, bpm) in enumerate([*made, ("final", 60), ("best", 80)]):
        output = tmp_path / f"{place}.wav"
        write_audio(output, tone)
        document = {
            "model": {"checkpoint": "m"}, "prompt": "p", "bpm": bpm, "output": output, "adapter": run.path / adapter,
        }  # fmt: skip
        other = create_run(tmp_path / f"generate-{place}", "generate", GenerateSettings.model_validate(document))
        remember_run(other.path)
        with EventWriter(other.events_file) as events:
            events.write(ev.SampleWritten(path=str(output), prompt="p", seed=42))
    for sample in run.samples.iterdir():
        sample.unlink()
    document = json.loads(shown(capsys, str(run.path), "--json"))
    pair = [one for one in document["samples"] if one["number"] in document["shown"]]
    assert [(one["step"], one["conditions"]["bpm"]) for one in pair] == [(10, "90"), (20, "90")]


def test_the_numbers_stay_where_prompts_are_long_and_the_terminal_is_narrow(
    run: RunDirectory, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with EventWriter(run.events_file) as events:
        for place in range(9):
            prompt = f"{place} {'slow strings ' * 20}"
            events.write(ev.SampleWritten(path=f"samples/{place}.wav", prompt=prompt, seed=1, step=5))
    monkeypatch.setenv("COLUMNS", "40")
    lines = shown(capsys, str(run.path)).splitlines()
    assert [line.split()[:2] for line in lines[10:13]] == [["10", "step"], ["11", "step"], ["12", "step"]]


def test_without_colours_loud_and_quiet_are_shades(
    run: RunDirectory, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLORTERM": "truecolor"}.items():
        monkeypatch.setenv(name, value)
    assert "▀" in shown(capsys, str(run.path))
    monkeypatch.setenv("NO_COLOR", "1")
    picture = shown(capsys, str(run.path))
    assert ("▀" in picture, "▒" in picture) == (False, True)


def test_a_song_that_is_gone_is_said_and_a_run_without_samples_too(
    run: RunDirectory, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (run.samples / "step 20.wav").unlink()
    text = shown(capsys, str(run.path))
    assert "step 20  (gone)" in text
    assert "1 base model, " in text
    settings = GenerateSettings.model_validate({"model": {"checkpoint": "m"}, "output": "a.wav", "prompt": "p"})
    empty = create_run(tmp_path / "empty", "generate", settings)
    remember_run(empty.path)
    assert main(["listen", str(empty.path)]) == 1
    assert "no samples" in capsys.readouterr().err
