"""Events in words: every kind is thought of, steps do not drown the rest, and every view can show every event."""

import io
from typing import get_args

import msgspec
import pytest
from rich.console import Console
from rich.progress import Progress

from sidestep_tui.cli.lines import LineWriter, counted, describe
from sidestep_tui.cli.output import Output
from sidestep_tui.cli.views import JsonView, LinesView, LiveView
from sidestep_tui.report.figures import duration
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.state import RunState, apply, replay

SILENT = {ev.EpochCompleted, ev.DeviceSampled}
PLAN = ev.Planned(
    total_steps=100, steps_per_epoch=10, epochs=10, songs=10, validation_songs=2, trainable_parameters=23552,
    adapted_modules=4,
)  # fmt: skip
TOLD = [
    (ev.RunStarted(job="train", pid=7, host="box", device="cuda:0", version="1"), "train on cuda:0 (box, process 7)"),
    (
        ev.RunStarted(job="train", pid=7, host="box", device="cpu", version="1", resumed_from_step=3),
        "train on cpu, continued after step 3",
    ),
    (ev.PhaseChanged(phase="loading", subject="turbo"), "loading: turbo"),
    (ev.PhaseChanged(phase="generating", detail="8 steps", subject="waltz"), "generating: 8 steps: waltz"),
    (PLAN, "100 steps in 10 epochs, 10 songs, 2 held out, 23,552 trainable parameters"),
    (ev.Progress(done=1, total=4, unit="songs", item="a.wav", failed=2), "1/4 songs, 2 failed  a.wav"),
    (
        ev.StepCompleted(
            step=1, epoch=0, loss=0.5, gradient_norm=1.0, learning_rate=1e-4, seconds=0.25, data_seconds=0.0
        ),
        "step 1/100  epoch 1  loss 0.5000  lr 1.00e-04  0.25 s/step",
    ),
    (
        ev.SensitivityUpdated(
            batches_done=1,
            batches_total=2,
            modules=tuple(ev.ModuleSensitivity(f"layers.{i}.mlp.up_proj", 4.0 - i, 0.5) for i in range(4)),
        ),
        "strongest after 1 of 2 batches: layers.0.mlp.up_proj ±12%, layers.1.mlp.up_proj ±17%, "
        "layers.2.mlp.up_proj ±25%",
    ),
    (ev.SensitivityUpdated(batches_done=2, batches_total=2, modules=()), "strongest after 2 of 2 batches: none"),
    (ev.StepSkipped(step=2, reason="the loss is not finite"), "step 2 skipped: the loss is not finite"),
    (ev.ValidationCompleted(step=5, loss=None), "validation after step 5: loss not finite"),
    (
        ev.ValidationCompleted(step=5, loss=0.5, train_loss=0.25),
        "validation after step 5: loss 0.5000, training songs 0.2500",
    ),
    (ev.SampleWritten(path="a.wav", prompt="p", seed=1), "song written: a.wav"),
    (ev.CheckpointSaved(step=5, path="c"), "checkpoint saved after step 5"),
    (ev.CheckpointSaved(step=5, path="c", kind="best"), "best saved after step 5"),
    (ev.CommandApplied(command="pause", step=5), "pause after step 5"),
    (ev.WarningRaised(what="It is short.", where="a.wav", fix="loop it"), "warning: It is short. (a.wav) Fix: loop it"),
    (ev.RunStopped(reason="asked to stop", step=5), "stopped after step 5: asked to stop"),
    (ev.RunFailed(what="It broke."), "failed: It broke."),
    (ev.RunCompleted(results={"loss": 0.123456, "steps": 9, "best_step": None}), "completed, loss 0.1235, steps 9"),
]  # fmt: skip


def test_every_kind_of_event_is_told_or_silent_on_purpose():
    assert {type(event) for event, _ in TOLD} | SILENT == set(get_args(ev.AnyEvent))


@pytest.mark.parametrize(("event", "text"), TOLD, ids=lambda value: value if isinstance(value, str) else "")
def test_events_in_words(event, text):
    assert describe(event, apply(replay([PLAN]), event)) == text


def test_steps_speak_every_ten_seconds_and_at_the_end():
    writer, state, spoken = LineWriter(), apply(RunState(), PLAN), []
    for number in range(1, 101):
        event = ev.StepCompleted(
            step=number, epoch=0, loss=0.5, gradient_norm=1.0, learning_rate=1e-4, seconds=0.5, data_seconds=0.0,
            time=1000.0 + number / 2,
        )  # fmt: skip
        state = apply(state, event)
        if writer.line(event, state):
            spoken.append(number)
    assert spoken == [1, 21, 41, 61, 81, 100]


def test_a_clock_that_was_set_back_silences_nothing():
    writer, spoken = LineWriter(), []
    for number in range(1, 61):
        time = (9000.0 if number <= 20 else 1000.0) + number
        if writer.line(ev.Progress(done=number, total=100, unit="songs", time=time), RunState()):
            spoken.append(number)
    assert spoken == [1, 11, 21, 31, 41, 51]


def test_rankings_and_progress_do_not_silence_each_other():
    writer, state, spoken = LineWriter(), RunState(), []
    for number in range(1, 25):
        for event in (
            ev.SensitivityUpdated(batches_done=number, batches_total=24, modules=(), time=1000.0 + 5 * number),
            ev.Progress(done=number, total=24, unit="batches", time=1000.0 + 5 * number),
        ):
            state = apply(state, event)
            if writer.line(event, state):
                spoken.append((type(event).__name__, number))
    numbers = [*range(1, 24, 2), 24]
    assert spoken == [(name, number) for number in numbers for name in ("SensitivityUpdated", "Progress")]


def every_event():
    silent = (
        ev.EpochCompleted(epoch=0, step=1, loss=None, seconds=1.0),
        ev.DeviceSampled(process_bytes=1),
    )
    return [*(event for event, _ in TOLD), *silent]


def test_every_view_shows_every_event(capsys):
    with Progress(console=Console(file=io.StringIO())) as progress:
        views = [JsonView(Output(True)), LinesView(Output(False)), LiveView(progress, Output(False))]
        for view in views:
            state = RunState()
            for event in every_event():
                state = apply(state, event)
                view.show(event, state)
        assert progress.tasks[0].total == 100
        assert "loss 0.5" in progress.tasks[0].fields["figures"]
    assert capsys.readouterr().out.count("train on cuda:0") == 2


def test_one_of_each_is_told_as_one():
    least = msgspec.structs.replace(PLAN, total_steps=1, epochs=1, songs=1)
    assert (describe(least, RunState()) or "").startswith("1 step in 1 epoch, 1 song, ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-4000, "0 s"),
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min 00 s"),
        (3599.6, "1 h 00 min"),
        (93784, "26 h 03 min"),
        (176_400, "2 d 1 h"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_counts():
    assert [counted(n, "song") for n in range(3)] == ["0 songs", "1 song", "2 songs"]
