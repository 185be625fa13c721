"""Starting an engine from a screen: in a thread, since it takes seconds, and every failure is a note."""

from typing import TYPE_CHECKING

from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _

if TYPE_CHECKING:
    from sidestep_tui.runs.directory import RunDirectory
    from sidestep_tui.tui.app import SidestepApp


def start_engine(app: "SidestepApp", run: "RunDirectory") -> bool:
    """Starts or resumes the run's engine; False after saying why it did not start. Call it in a thread."""
    from sidestep_tui.runs.launch import launch

    app.call_from_thread(app.tell, _("Starting the engine of {name} …").format(name=run.name))
    try:
        launch(run)
    except SidestepError as error:
        app.call_from_thread(app.tell_error, error)
        return False
    except OSError as error:
        failure = SidestepError(f"The engine could not be started: {error.strerror}.", where=run.path)
        app.call_from_thread(app.tell_error, failure)
        return False
    return True
