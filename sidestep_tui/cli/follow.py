"""Following a run from a terminal: start its engine, show its events, pass Ctrl-C on as a request to stop."""

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Final

from sidestep_tui.cli.output import Output
from sidestep_tui.cli.views import View, view_for
from sidestep_tui.errors import ExitCode, SidestepError
from sidestep_tui.files import is_full
from sidestep_tui.runs.chains import Wait, is_to_come, wait_of
from sidestep_tui.runs.control import send_command
from sidestep_tui.runs.devices import sharing_with
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import summarise
from sidestep_tui.runs.launch import launch
from sidestep_tui.runs.log import EventReader
from sidestep_tui.runs.resuming import way_on
from sidestep_tui.runs.state import RunState, apply, replay

_POLL_SECONDS: Final = 0.1
_START_POLL_SECONDS: Final = 0.5
_WAYS_ON: Final = {
    "checkpoint": "continues after the newest checkpoint",
    "rest": "goes on with what is left",
    "anew": "begins anew",
}


def launch_and_follow(run: RunDirectory, out: Output, *, detach: bool) -> int:
    """Starts the engine of a run and, unless detached, shows it until it ends.

    The first Ctrl-C asks the engine to save and stop, the second does not wait for that. SIGTERM leaves it running.

    Returns:
        0 when the run completed or was stopped by someone else, 130 after a Ctrl-C here.

    Raises:
        SidestepError: the engine did not start, or the run failed; the error is the run's own.
    """
    reader = EventReader(run.events_file)
    state = replay(reader.read())
    with _counted_interrupts() as interrupts:
        beside = sharing_with(run)
        pid = launch(run)
        if out.as_json:
            out.json_line({"type": "Launched", "run": run.path, "pid": pid, "beside": [each.path for each in beside]})
        for each in beside:
            out.say(f"{each.name} works on the same card: the two share its memory and its time.")
        if detach:
            out.say(f"{run.name} is running. `sidestep runs attach {run.typed}` shows it.")
            return ExitCode.DONE
        with view_for(out) as view:
            state, left = _until_end(run, reader, state, view, interrupts, out)
    if left:
        does = "stops without you" if interrupts.count else "goes on"
        out.say(f"{run.name} {does}. `sidestep runs attach {run.typed}` shows it again.")
        return ExitCode.INTERRUPTED
    return _exit_code(run, state, out, interrupted=interrupts.count > 0)


def attach(run: RunDirectory, out: Output) -> int:
    """Shows a run as lines, its whole history first, until it ends; Ctrl-C leaves and never touches it.

    A run that a queue is going to start is waited for.

    Returns:
        0 when the run completed or was stopped.

    Raises:
        SidestepError: the run failed, its engine vanished, or nobody is going to start it.
    """
    reader = EventReader(run.events_file)
    _await_start(run, out)
    with view_for(out, live=False) as view:
        state, _ = _until_end(run, reader, RunState(), view, _Interrupts(), out)  # Ctrl-C is no request here: it leaves
    return _exit_code(run, state, out, interrupted=False)


@dataclass(slots=True)
class _Interrupts:
    """How often Ctrl-C was pressed, and whether this process (not the run) was told to end."""

    count: int = 0
    leave: bool = False


@contextlib.contextmanager
def _counted_interrupts() -> Iterator[_Interrupts]:
    """Notes Ctrl-C and SIGTERM instead of raising: an exception could hit between a request and its record, and a
    process that dies at once leaves a terminal without a cursor.

    A signal that was ignored from the start stays so: a script's background job is not meant by the Ctrl-C that ends
    the script, and its shell says so in this way.
    """
    interrupts = _Interrupts()

    def note(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            interrupts.count += 1
        else:
            interrupts.leave = True

    heard = [one for one in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(one) is not signal.SIG_IGN]
    previous = {one: signal.signal(one, note) for one in heard}
    try:
        yield interrupts
    finally:
        for one, handler in previous.items():
            signal.signal(one, handler)


def _until_end(
    run: RunDirectory, reader: EventReader, state: RunState, view: View, interrupts: _Interrupts, out: Output
) -> tuple[RunState, bool]:
    """The state at the end of the run, or when this process is to go; whether it was left running."""
    asked = False
    while True:
        alive = run.alive()
        state = _show_new(reader, state, view)
        if not alive:
            return state, False
        if interrupts.count > 1 or interrupts.leave:
            return state, True
        if interrupts.count and not asked:
            asked = True
            with contextlib.suppress(SidestepError):  # it ended at this very moment; the next round sees it
                send_command(run, "stop")
            after = (
                "after the step that compiles the blocks, in a minute or so"
                if state.is_compiling
                else "after this step"
            )
            out.say(f"Stopping {after}, with everything saved. Ctrl-C again does not wait for it.")
        time.sleep(_POLL_SECONDS)


def _await_start(run: RunDirectory, out: Output) -> None:
    """Waits until a queue at work has started the run; one that has begun is not waited for.

    Raises:
        SidestepError: the run has not begun, and no queue starts it.
    """
    told = ""
    while (summary := summarise(run)).condition == "waiting":
        if not is_to_come(run):
            fix = f"`sidestep resume {run.typed}` starts it"
            raise SidestepError("The run has not begun.", where=run.path, fix=fix)
        line = _words_of_waiting(run, wait_of(summary))
        if line != told:
            out.say(line)
            told = line
        time.sleep(_START_POLL_SECONDS)


def _words_of_waiting(run: RunDirectory, wait: Wait) -> str:
    if wait.kept_by is not None:
        return f"{run.name} starts when {wait.kept_by.name} leaves the device."
    return f"{run.name} starts by itself{f' after {wait.after.name}' if wait.after else ''}."


def _show_new(reader: EventReader, state: RunState, view: View) -> RunState:
    for event in reader.read():
        state = apply(state, event)
        view.show(event, state)
    return state


def _exit_code(run: RunDirectory, state: RunState, out: Output, *, interrupted: bool) -> int:
    if state.failure is not None:
        raise SidestepError(state.failure.what, where=state.failure.where or run.path, fix=state.failure.fix or None)
    if state.status == "completed":
        return ExitCode.DONE
    if state.status == "stopped":
        out.say(f"Stopped. `sidestep resume {run.typed}` continues it.")
        return ExitCode.INTERRUPTED if interrupted else ExitCode.DONE
    if is_full(run.path):
        raise SidestepError(
            "The engine vanished without a last word: no space is left on the device.",
            where=run.path,
            fix=f"free some space; `sidestep resume {run.typed}` {_WAYS_ON[way_on(run.job())]}",
        )
    raise SidestepError(
        "The engine vanished without a last word.",
        where=run.engine_log,
        fix=f"read the end of its log; `sidestep resume {run.typed}` {_WAYS_ON[way_on(run.job())]}",
    )
