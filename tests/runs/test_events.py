"""The event log: what is written is read back, and damage costs no more than what is damaged."""

import errno
import json
import os
import resource
import threading
import tracemalloc
from contextlib import contextmanager
from typing import get_args

import pytest

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.log import EventReader, EventWriter, read_events

EXAMPLES = (
    ev.RunStarted(job="train", pid=7, host="box", device="cuda:0", version="1", resumed_from_step=3),
    ev.PhaseChanged(phase="loading the model", detail="turbo"),
    ev.Planned(
        total_steps=9, steps_per_epoch=3, epochs=3, songs=4, validation_songs=1, trainable_parameters=5,
        adapted_modules=2, reasons={"schedule.warmup_steps": "a tenth of a short run"},
    ),
    ev.Progress(done=1, total=2, unit="songs", item="ã.wav", failed=1),
    ev.StepCompleted(
        step=1, epoch=1, loss=0.5, gradient_norm=1.5, learning_rate=1e-4, seconds=0.4, data_seconds=0.1,
        timesteps=(0.25, 0.5), losses=(0.5, None),
    ),
    ev.StepSkipped(step=2, reason="the loss is not finite", songs=("a.wav",)),
    ev.EpochCompleted(epoch=1, step=3, loss=0.5, seconds=1.0),
    ev.ValidationCompleted(step=3, loss=0.6, train_loss=0.5, bands=(0.1, None, 0.3), songs={"a.wav": 0.6}),
    ev.SensitivityUpdated(
        batches_done=1, batches_total=2, modules=(ev.ModuleSensitivity("layers.0.self_attn.q_proj", 0.5, 0.1),)
    ),
    ev.SampleWritten(path="samples/a.wav", prompt="[b]warm[/b]", seed=1, step=3, adapter_scale=0.5),
    ev.CheckpointSaved(step=3, path="checkpoints/step-00000003", kind="best"),
    ev.DeviceSampled(process_bytes=1, device_bytes=2, device_total_bytes=3, utilisation=0.5),
    ev.CommandApplied(command="stop", arguments={"why": "done"}, step=3),
    ev.WarningRaised(what="short", where="a.wav", fix="loop it"),
    ev.RunStopped(reason="asked to stop", step=3),
    ev.RunFailed(what="broken", where="here", fix="mend it"),
    ev.RunCompleted(results={"loss": 0.5, "adapter": "final", "songs": 3, "best": None}),
)  # fmt: skip


def test_there_is_an_example_of_every_event():
    assert {type(example) for example in EXAMPLES} == set(get_args(ev.AnyEvent))


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_an_event_is_read_as_it_was_written(tmp_path, event):
    with EventWriter(tmp_path / "events.jsonl") as log:
        written = log.write(event)
    assert read_events(tmp_path / "events.jsonl") == [written]
    assert written.seq == 1
    assert written.time > 1_600_000_000


def test_a_log_is_read_in_blocks_and_a_torn_line_is_read_when_it_is_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("sidestep_tui.runs.log._BLOCK_BYTES", 100)  # some lines are longer, some shorter
    file = tmp_path / "events.jsonl"
    with EventWriter(file) as log:
        written = [log.write(event) for event in EXAMPLES]
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    reader = EventReader(file)
    assert reader.read() == written[:-1]
    file.write_bytes(whole)
    assert reader.read() == written[-1:]


def test_a_long_log_is_opened_without_being_held(tmp_path, monkeypatch):
    monkeypatch.setattr("sidestep_tui.runs.log._BLOCK_BYTES", 10_000)
    with EventWriter(tmp_path / "log") as log:
        for done in range(1, 20_001):
            log.write(ev.Progress(done=done, total=20_000, unit="songs"))
    with (tmp_path / "log").open("ab") as torn:
        torn.write(b"{" * 25_000)
    tracemalloc.start()
    with EventWriter(tmp_path / "log") as log:
        held = tracemalloc.get_traced_memory()[1]
        assert log.write(ev.PhaseChanged(phase="on")).seq == 20_001
    tracemalloc.stop()
    assert held < 100_000 < (tmp_path / "log").stat().st_size / 10
    assert EventReader(tmp_path / "log").read()[-1].seq == 20_001


def test_what_is_not_finite_is_written_as_null(tmp_path):
    nan = float("nan")
    with EventWriter(tmp_path / "log") as log:
        log.write(ev.EpochCompleted(epoch=1, step=1, loss=nan, seconds=1.0))
        log.write(ev.ValidationCompleted(step=1, loss=float("inf"), bands=(nan, 0.5)))
    lines = [json.loads(line, parse_constant=pytest.fail) for line in (tmp_path / "log").read_text().splitlines()]
    assert lines[0]["loss"] is None
    epoch, validation = read_events(tmp_path / "log")
    assert (epoch.loss, validation.loss, validation.bands) == (None, None, (None, 0.5))


def test_a_torn_last_line_is_not_read_and_is_cut_off_before_the_next_one(tmp_path):
    path = tmp_path / "log"
    with EventWriter(path) as log:
        log.write(ev.PhaseChanged(phase="one"))
        log.write(ev.PhaseChanged(phase="two"))
    path.write_bytes(path.read_bytes()[:-5])
    assert [event.phase for event in read_events(path)] == ["one"]
    with EventWriter(path) as log:
        log.write(ev.PhaseChanged(phase="three"))
    assert [(event.seq, event.phase) for event in read_events(path)] == [(1, "one"), (2, "three")]


def test_unknown_and_damaged_lines_are_skipped_and_counted(tmp_path):
    path = tmp_path / "log"
    path.write_text(
        '{"type":"PhaseChanged","seq":1,"phase":"one","colour":"new field"}\n'
        '{"type":"SomethingNew","seq":2}\n'
        "not json\n"
        '{"type":"PhaseChanged","seq":3}\n'
        '{"type":"PhaseChanged","seq":4,"phase":"two"}\n'
    )
    reader = EventReader(path)
    assert [event.phase for event in reader.read()] == ["one", "two"]
    assert reader.unknown == 3


def test_a_reader_gives_each_event_once_and_waits_for_whole_lines(tmp_path):
    path = tmp_path / "log"
    reader = EventReader(path)
    assert reader.read() == []
    with EventWriter(path) as log:
        log.write(ev.PhaseChanged(phase="one"))
        assert [event.phase for event in reader.read()] == ["one"]
        assert reader.read() == []
    whole = b'{"type":"PhaseChanged","phase":"two"}\n'
    with path.open("ab") as file:
        file.write(whole[:10])
        file.flush()
        assert reader.read() == []
        file.write(whole[10:])
    assert [event.phase for event in reader.read()] == ["two"]


def test_a_log_that_is_closed_is_on_the_disk(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.fstat(descriptor).st_size))
    with EventWriter(tmp_path / "events.jsonl") as log:
        log.write(EXAMPLES[0])
    assert flushed == [(tmp_path / "events.jsonl").stat().st_size]


def test_names_with_line_separators_stay_in_one_line(tmp_path):
    item = "a\u2028b\x85c\x1ed\n.wav"
    with EventWriter(tmp_path / "log") as log:
        log.write(ev.Progress(done=1, total=1, unit="songs", item=item))
    assert [event.item for event in read_events(tmp_path / "log")] == [item]


def test_threads_do_not_tear_each_others_lines(tmp_path):
    with EventWriter(tmp_path / "log") as log:
        threads = [
            threading.Thread(target=lambda: [log.write(ev.PhaseChanged(phase="x" * 500)) for _ in range(50)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [event.seq for event in read_events(tmp_path / "log")] == list(range(1, 201))


@contextmanager
def no_room():
    """A process that may not let files grow: writing fails as on a full disk, that of the suite's own output too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_in_words_when_writing_and_when_closing(tmp_path):
    path = tmp_path / "log"
    with no_room():
        log = EventWriter(path)
        log.write(ev.PhaseChanged(phase="fits"))
        with pytest.raises(SidestepError, match="cannot be written") as caught:
            log.write(ev.PhaseChanged(phase="x" * 1000))
        with pytest.raises(SidestepError, match="cannot be written"):
            log.close()
    assert caught.value.where == str(path)
    assert [event.phase for event in read_events(path)] == ["fits"]


def test_what_finds_no_room_on_a_full_disk_waits_in_memory_and_is_read_whole_and_in_order_later(tmp_path, monkeypatch):
    path, room = tmp_path / "log", 10
    write = os.write

    def on_a_full_disk(descriptor, data):
        nonlocal room
        taken = bytes(data)[:room]
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room -= len(taken)
        return write(descriptor, taken)

    with EventWriter(path) as log, monkeypatch.context() as patch:
        patch.setattr(os, "write", on_a_full_disk)
        for phase in ("one", "two"):
            assert log.write(ev.PhaseChanged(phase=phase)).phase == phase
        assert read_events(path) == []
        room = 10_000
        log.write(ev.PhaseChanged(phase="three"))
        assert [(event.seq, event.phase) for event in read_events(path)] == [(1, "one"), (2, "two"), (3, "three")]


def test_the_last_words_that_find_no_room_are_told_when_the_log_is_closed(tmp_path, monkeypatch):
    def full(_descriptor, _data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    log = EventWriter(tmp_path / "log")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        log.write(ev.RunCompleted())
        with pytest.raises(SidestepError, match="cannot be written: No space left") as caught:
            log.close()
    assert caught.value.fix == "free some disk space"
