"""`python -m sidestep_tui.engine RUN_DIR`: takes the run's lock, does its job, and leaves a last word in the log."""

import os
import platform
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sidestep_tui import __version__
from sidestep_tui.config.fields import leaves
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.context import JobContext, StopRequestedError
from sidestep_tui.errors import ExitCode, SidestepError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import RunCompleted, RunFailed, RunStarted, RunStopped
from sidestep_tui.runs.log import EventWriter


def main(arguments: list[str]) -> int:
    """Runs the engine on a run directory; the exit code is that of the job."""
    if len(arguments) != 1:
        print("usage: python -m sidestep_tui.engine RUN_DIR", file=sys.stderr)
        return ExitCode.USAGE
    run = RunDirectory(Path(arguments[0]).absolute())
    try:
        if int(os.environ.get("RANK", "0")) > 0:  # another process holds the lock and speaks for all of them
            return _work(JobContext(run, None))
        with run.held(), EventWriter(run.events_file) as events, _other_ranks(run):
            return _work(JobContext(run, events))
    except SidestepError as error:
        print(error, file=sys.stderr)
        return error.exit_code


@contextmanager
def _other_ranks(run: RunDirectory) -> Iterator[None]:
    """Starts the other processes of a run that asks for several, unless torchrun has, and sees them end."""
    settings = run.settings()
    if not isinstance(settings, TrainSettings) or settings.training.processes == 1 or "WORLD_SIZE" in os.environ:
        yield
        return
    from sidestep_tui.engine.ranks import start_others

    others = start_others(run.path, settings.training.processes)
    try:
        yield
    finally:
        for other in others:
            other.terminate()
            other.wait()


def _work(context: JobContext) -> int:
    context.listen_for_signals()
    try:
        results = _do_job(context)
    except StopRequestedError as stop:
        context.emit(RunStopped(reason=stop.reason, step=stop.step))
        return ExitCode.DONE
    except SidestepError as error:
        context.emit(RunFailed(what=error.what, where=error.where or "", fix=error.fix or ""))
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the process edge: whatever it was becomes the run's last word
        traceback.print_exc()
        what = f"{type(error).__name__}: {error}"
        context.emit(RunFailed(what=what, where=str(context.run.engine_log), fix="the log has the details"))
        return ExitCode.FAILED
    context.emit(RunCompleted(results=results))
    return ExitCode.DONE


def _do_job(context: JobContext) -> dict[str, str | int | float | None]:
    settings = context.run.settings()
    # Imported only now: the lock is taken and the launcher released before torch's seconds of loading begin.
    from sidestep_tui.engine.checkpoint import resumed_step
    from sidestep_tui.engine.devices import choose_device, device_sampler, keep_freed_memory
    from sidestep_tui.engine.jobs import load_job

    device = choose_device(settings)
    if device.type == "cpu":
        keep_freed_memory()
    context.sample_device = device_sampler(device)
    context.emit(
        RunStarted(
            job=context.run.job(),
            pid=os.getpid(),
            host=platform.node(),
            device=str(device),
            version=__version__,
            resumed_from_step=resumed_step(context.run),
            settings=dict(leaves(settings.model_dump(mode="json"))),
            changed={change.path: change.values for change in context.run.changes()},
        )
    )
    return load_job(context.run.job())(context, settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
