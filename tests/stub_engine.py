"""Stands in for the engine in tests of what starts and follows it: `python -m stub_engine RUN_DIR`.

The environment variable STUB_ENGINE says what it does: complete, fail, refuse (never take the lock), vanish (die
without a last word), wait (until it is asked to stop), compile (and wait), blunder (fail before the first step).
"""

import os
import signal
import sys
import time
from pathlib import Path

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.control import take_commands
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.log import EventWriter

PATIENCE_SECONDS = 60
STEPS = 3


def main(path: str, behaviour: str) -> int:
    if behaviour == "refuse":
        print("No module named torch", file=sys.stderr)
        return 1
    print("Loading: 50%|#####     |", end="\r")
    print("a library warns of something", file=sys.stderr)
    run = RunDirectory(Path(path))
    with run.held(), EventWriter(run.events_file) as events:
        resumed = STEPS if run.checkpoints.is_dir() else None
        events.write(
            ev.RunStarted(
                job=run.job(), pid=os.getpid(), host="here", device="cpu", version="0", resumed_from_step=resumed
            )
        )
        work(run, events, behaviour)
    return 0


def work(run: RunDirectory, events: EventWriter, behaviour: str) -> None:
    if behaviour == "blunder":
        events.write(ev.RunFailed(what="This folder has no preprocessed songs."))
        return
    events.write(
        ev.Planned(
            total_steps=STEPS, steps_per_epoch=STEPS, epochs=1, songs=3, validation_songs=0,
            trainable_parameters=10, adapted_modules=2,
        )
    )  # fmt: skip
    for step in range(1, STEPS + 1):
        events.write(
            ev.StepCompleted(
                step=step, epoch=1, loss=None if step == 2 else 1 / step, gradient_norm=1.0, learning_rate=1e-4,
                seconds=0.5, data_seconds=0.1,
            )
        )  # fmt: skip
    if behaviour == "fail":
        events.write(ev.RunFailed(what="The loss is not a number.", where="step 3", fix="lower --lr"))
    elif behaviour == "vanish":
        os.kill(os.getpid(), signal.SIGKILL)
    elif behaviour in ("wait", "compile"):
        if behaviour == "compile":
            events.write(ev.PhaseChanged(phase=ev.COMPILING, detail="full attention"))
        wait_for_stop(run, events)
    else:
        events.write(ev.WarningRaised(what="A [b]song[/b] is short.", where="\x1b[31mred.wav"))
        events.write(ev.RunCompleted(results={"loss": 0.25}))


def wait_for_stop(run: RunDirectory, events: EventWriter) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if any(command.name == "stop" for command in take_commands(run)):
            run.checkpoints.mkdir()
            events.write(ev.RunStopped(reason="asked to stop", step=STEPS))
            return
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], os.environ["STUB_ENGINE"]))
