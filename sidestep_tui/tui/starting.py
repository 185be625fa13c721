"""Starting an engine from a screen: in a thread, since it takes seconds, and every failure is a note."""

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sidestep_tui.runs.directory import RunDirectory
    from sidestep_tui.tui.app import SidestepApp

Started = TypeVar("Started")


def start_engine(app: "SidestepApp", run: "RunDirectory") -> bool:
    """Starts or resumes the run's engine; False after saying why it did not start. Call it in a thread."""
    from sidestep_tui.runs.chains import check_turn
    from sidestep_tui.runs.launch import launch

    def begin() -> bool:
        check_turn(run)
        app.call_from_thread(app.tell, _("Starting the engine of {name} …").format(name=run.name))
        warn_of_sharing(app, run)
        launch(run)
        return True

    return started_or_told(app, run.path, begin) or False


def started_or_told(app: "SidestepApp", where: "Path", begin: "Callable[[], Started]") -> "Started | None":
    """What `begin` gives; None after saying why it could not start what it starts. Call it in a thread.

    Args:
        app: who says it.
        where: the place that a failure of the system is told with.
        begin: starts an engine, or makes runs.
    """
    try:
        return begin()
    except SidestepError as error:
        failure = error
    except OSError as error:
        failure = SidestepError(f"The engine could not be started: {error.strerror}.", where=where)
    app.call_from_thread(app.tell_error, failure)
    return None


def warn_of_sharing(app: "SidestepApp", run: "RunDirectory") -> None:
    """Says which runs work on the card that a run is started on by hand. Call it in a thread.

    Raises:
        SidestepError: the settings of the run cannot be read.
    """
    from sidestep_tui.runs.devices import sharing_with

    with suppress(OSError):  # where the folder of the runs cannot be read nobody knows of another
        for other in sharing_with(run):
            told = _("{name} works on the same card: the two share its memory and its time.").format(name=other.name)
            app.call_from_thread(app.tell, told, "warning")
