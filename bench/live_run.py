"""A run that is written to as an engine would, and the real command that shows it in a pseudo-terminal of our own."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from typing import Final, NamedTuple

from sidestep_tui.config.model import ModelSettings
from sidestep_tui.config.places import runs_home
from sidestep_tui.config.train import DataSettings, TrainSettings
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory, create_run
from sidestep_tui.runs.log import EventWriter

COLUMNS, ROWS = 120, 36
EVENTS_A_SECOND: Final = 50
PATIENCE: Final = 30.0  # seconds for what must be drawn

# Synchronised output (https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036): the application asks
# whether the terminal knows it, and then writes a mark before and after everything that is drawn at once.
_ASKED, _ANSWER, _BEGIN_DRAWING = b"\x1b[?2026$p", b"\x1b[?2026;2$y", b"\x1b[?2026h"


def make_run(name: str, steps: int) -> RunDirectory:
    """A training run of so many steps."""
    settings = TrainSettings(
        model=ModelSettings(checkpoint=Path("/models/turbo")), data=DataSettings(tensors=Path("/data/tensors"))
    )
    run = create_run(runs_home() / name, "train", settings)
    with EventWriter(run.events_file) as log:
        log.write(ev.RunStarted(job="train", pid=1, host="box", device="cuda:0", version="0"))
        log.write(
            ev.Planned(
                total_steps=1_000_000, steps_per_epoch=100, epochs=10_000, songs=100, validation_songs=1,
                trainable_parameters=44_040_192, adapted_modules=192,
            )
        )  # fmt: skip
        for number in range(1, steps + 1):
            log.write(step(number))
            if number % 4 == 0:
                log.write(sample(number))
    return run


def step(number: int) -> ev.StepCompleted:
    wave = number * 0.618 % 1
    return ev.StepCompleted(
        step=number, epoch=number // 100, loss=0.4 + 0.2 * wave, gradient_norm=1 + wave, learning_rate=1e-4,
        seconds=0.5, data_seconds=0.01, timesteps=(wave,), losses=(0.4 + 0.2 * wave,),
    )  # fmt: skip


def sample(number: int) -> ev.DeviceSampled:
    return ev.DeviceSampled(process_bytes=3 * 2**30 + number, device_bytes=9 * 2**30, device_total_bytes=24 * 2**30)


class Writer(threading.Thread):
    """Plays the engine of a run: holds its lock and writes fifty events a second."""

    def __init__(self, run: RunDirectory, first: int) -> None:
        super().__init__(daemon=True)
        self._run, self._next, self._ended = run, first, threading.Event()

    def run(self) -> None:
        with self._run.held(), EventWriter(self._run.events_file) as log:
            while not self._ended.wait(1 / EVENTS_A_SECOND):
                log.write(step(self._next))
                self._next += 1

    def end(self) -> None:
        self._ended.set()
        self.join()


class Watched(NamedTuple):
    """What came over the line: bytes, how often something was drawn, and the seconds it took."""

    total: int
    redraws: int
    seconds: float


class Terminal:
    """The command in a pseudo-terminal; everything that it draws is read and counted.

    Args:
        words: the command's arguments.
    """

    def __init__(self, *words: str) -> None:
        self.began = time.perf_counter()
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parents[1])}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sidestep_tui.cli.main", *words],
            stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self._master = master
        self._last = b""

    def wait_for(self, text: bytes, patience: float = PATIENCE) -> float:
        """Seconds from the start of the process until this text was drawn."""
        seen = b""
        while text not in seen:
            if time.perf_counter() - self.began > patience:
                raise TimeoutError(f"{text!r} was not drawn: {seen[-300:]!r}")
            seen += self._read(1.0)
        return time.perf_counter() - self.began

    def watch(self, seconds: float) -> Watched:
        """Reads for so many seconds."""
        began, seen = time.perf_counter(), bytearray()
        while (left := began + seconds - time.perf_counter()) > 0:
            seen += self._read(left)
        return Watched(len(seen), seen.count(_BEGIN_DRAWING), time.perf_counter() - began)

    def close(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self._master)

    def _read(self, patience: float) -> bytes:
        ready, _, _ = select.select([self._master], [], [], patience)
        data = os.read(self._master, 65536) if ready else b""
        if _ASKED in self._last + data:
            os.write(self._master, _ANSWER)
            self._last = b""
        else:
            self._last = data[-len(_ASKED) :]
        return data
