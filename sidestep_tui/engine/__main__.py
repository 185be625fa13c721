"""`python -m sidestep_tui.engine RUN_DIR`: takes the run's lock, does its job, and leaves a last word in the log."""

import os
import platform
import sys
import traceback
from pathlib import Path
from typing import Final

from sidestep_tui import __version__, garbage
from sidestep_tui.config.fields import leaves
from sidestep_tui.engine.context import JobContext, StopRequestedError
from sidestep_tui.engine.processes import OtherRanks, end_with_leader, leave_last_word, other_ranks
from sidestep_tui.engine.unforeseen import unforeseen
from sidestep_tui.errors import ExitCode, SidestepError
from sidestep_tui.runs.cards import number_by_bus
from sidestep_tui.runs.checkpoints import list_checkpoints
from sidestep_tui.runs.devices import note_devices
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import RunCompleted, RunFailed, RunStarted, RunStopped
from sidestep_tui.runs.log import EventWriter

_NEWS_PATIENCE_SECONDS: Final = 3.0
_SAME_SIZES_AGAIN: Final = ("train", "estimate")
"""Jobs whose steps allocate what the step before freed. Pieces of songs in ever new sizes would only scatter a heap
that is never given back: encoding clips of 30 s took 17 GB."""


def main(arguments: list[str]) -> int:
    """Runs the engine on a run directory; the exit code is that of the job."""
    if len(arguments) != 1:
        print("usage: python -m sidestep_tui.engine RUN_DIR", file=sys.stderr)
        return ExitCode.USAGE
    number_by_bus()
    run = RunDirectory(Path(arguments[0]).absolute())
    try:
        if int(os.environ.get("RANK", "0")) > 0:  # another process holds the lock and speaks for all of them
            end_with_leader()
            return _work(JobContext(run, None), None)
        with run.held(), EventWriter(run.events_file) as events:
            return _lead(JobContext(run, events), events)
    except SidestepError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _lead(context: JobContext, events: EventWriter) -> int:
    """The work of the process that speaks for the run, also where it cannot begin."""
    try:
        note_devices(context.run)
        with other_ranks(context.run, events.write) as others:
            return _work(context, others)
    except SidestepError as error:
        context.emit(RunFailed(what=error.what, where=error.where or "", fix=error.fix or ""))
        return error.exit_code


def _work(context: JobContext, others: OtherRanks | None) -> int:
    context.listen_for_signals()
    try:
        results = _do_job(context)
    except StopRequestedError as stop:
        context.emit(RunStopped(reason=stop.reason, step=stop.step))
        return ExitCode.DONE
    except SidestepError as error:
        _tell_failure(context, RunFailed(what=error.what, where=error.where or "", fix=error.fix or ""))
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the process edge: whatever it was becomes the run's last word
        traceback.print_exc()
        # A rank that is gone breaks the connection before anybody says why: what it was is asked for first.
        failure = others.failure(_NEWS_PATIENCE_SECONDS) if others is not None else None
        _tell_failure(context, failure or unforeseen(context.run, error))
        return ExitCode.FAILED
    context.emit(RunCompleted(results=results))
    return ExitCode.DONE


def _tell_failure(context: JobContext, failure: RunFailed) -> None:
    if context.events is None:
        leave_last_word(context.run, failure)
    context.emit(failure)


def _do_job(context: JobContext) -> dict[str, str | int | float | None]:
    settings = context.run.settings()
    # Imported only now: the lock is taken and the launcher released before torch's seconds of loading begin.
    from sidestep_tui.engine.devices import choose_device, device_sampler, keep_freed_memory, make_current, why_no_card
    from sidestep_tui.engine.jobs import load_job

    device = choose_device(settings)
    make_current(device)
    if device.type == "cpu" and context.run.job() in _SAME_SIZES_AGAIN:
        keep_freed_memory()
    context.sample_device = device_sampler(device)
    context.emit(
        RunStarted(
            job=context.run.job(),
            pid=os.getpid(),
            host=platform.node(),
            device=str(device),
            version=__version__,
            resumed_from_step=max(list_checkpoints(context.run), default=None),
            settings=dict(leaves(settings.model_dump(mode="json"))),
            changed={change.path: change.values for change in context.run.changes()},
        )
    )
    reason = why_no_card(settings)
    if reason is not None:
        context.warn(
            f"The processor works, many times slower, beside a card that torch cannot use: {reason}.",
            "model.device",
            "`sidestep doctor` tells what to do; `--device cpu` says that it is meant so",
        )
    job = load_job(context.run.job())
    garbage.collect_from_now_on()
    return job(context, settings)


if __name__ == "__main__":
    garbage.put_off()  # while libraries load, looking for it takes a fifth of the time
    sys.exit(main(sys.argv[1:]))
