"""Home: what runs, what ran, what the machine has left, and what to do next.

The first paint shows the frame; a thread then reads the runs and the machine, since that imports and reads more than a
first paint may wait for.
"""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from sidestep_tui.texts import _
from sidestep_tui.tui.home.history import HistoryKeys
from sidestep_tui.tui.home.run_keys import RunKeys
from sidestep_tui.tui.home.run_table import RunTable, told_size
from sidestep_tui.tui.routes import ROUTES
from sidestep_tui.tui.text import clean, shorten
from sidestep_tui.tui.widgets.machine import MachineLines
from sidestep_tui.tui.words import word

if TYPE_CHECKING:
    from sidestep_tui.runs.history import RunSummary
    from sidestep_tui.runs.machine import MachineSnapshot
    from sidestep_tui.tui.follow import RunCatalog
    from sidestep_tui.tui.home.disk_use import DiskUse

_REFRESH_SECONDS = 2.0

_EMPTY = _("""\
[b]No runs yet[/b]

Side-Step teaches ACE-Step 1.5 your own music:

  1  encode your songs          preprocess
  2  find the layers they move  estimate
  3  train an adapter           train
  4  listen, and take it away   generate, export

[b $footer-key-foreground]n[/] sets up the first run; it finds your models, or downloads one.
[b]sidestep demo[/b] in a shell shows the whole way without a model or songs.\
""")


class HomeScreen(HistoryKeys, RunKeys):
    """The list of runs, newest first, and the way to everything else."""

    HEADING = ""
    ABOUT = _("Every run on this machine. Engines go on when you leave: come back and open a run to see all of it.")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", _("New"), tooltip=_("Set up a new run, step by step")),
        Binding("u", "go('queue')", _("Queue"), tooltip=_("Runs that wait for the machine, one after another")),
        Binding("p", "go('presets')", _("Presets"), tooltip=_("Settings to start from: look, compare, keep")),
        Binding("D", "go('dataset')", _("Data set"), tooltip=_("Review the songs of a data set")),
        Binding("escape", "quit", _("Quit"), show=False, tooltip=_("Leave Side-Step; running engines go on")),
    ]

    @dataclass
    class Refreshed(Message):
        """The runs, the machine and the advice, as a thread has just made them."""

        runs: "list[RunSummary]"
        machine: "MachineSnapshot"
        advice: str
        notes: dict[str, str]

    @dataclass
    class Measured(Message):
        """What each run holds on disk, by its path."""

        held: dict[str, int]

    @dataclass
    class Unreadable(Message):
        """The folder of the runs cannot be read."""

        reason: str

    def __init__(self) -> None:
        super().__init__()
        self._catalog: RunCatalog | None = None
        self._disk_use: DiskUse | None = None
        self._reading = threading.Lock()  # a slow disk must not have two threads in one catalogue
        self._measuring = threading.Lock()

    def compose_body(self) -> ComposeResult:
        """The machine, the advice, the runs."""
        with Vertical(classes="panel", id="machine") as machine:
            machine.border_title = _("Machine")
            yield MachineLines()
        yield Static(id="next")
        with Vertical(classes="panel", id="run-panel") as runs:
            runs.border_title = _("Runs")
            yield RunTable()
            yield Static(_("Looking for runs …"), id="notice", classes="muted")

    def on_mount(self) -> None:
        """Reads as soon as the first frame is on the terminal, and again while the screen is in front."""
        self.query_one(RunTable).display = False
        self.call_after_refresh(self.read_runs)
        self.set_interval(_REFRESH_SECONDS, self._read_if_in_front)

    def on_screen_resume(self) -> None:
        """What happened on another screen is shown at once."""
        if self._catalog is not None:
            self.read_runs()

    def _read_if_in_front(self) -> None:
        if self.is_current and not self._reading.locked():
            self.read_runs()

    @work(thread=True, exclusive=True, group="runs")
    def read_runs(self) -> None:
        """Reads what is new of every run, and the machine."""
        from sidestep_tui.runs.notes import read_note
        from sidestep_tui.tui.follow import RunCatalog
        from sidestep_tui.tui.home.next_step import next_step

        with self._reading:
            self._catalog = self._catalog or RunCatalog()
            try:
                runs = self._catalog.poll()
            except OSError as error:
                self.post_message(self.Unreadable(str(error)))
                return
            notes = {str(run.run.path): note for run in runs if (note := read_note(run.run))}
        advice = next_step(runs, self.sidestep.clock())
        self.post_message(self.Refreshed(runs, self.sidestep.read_machine(), advice, notes))
        self._measure(runs)

    def _measure(self, runs: "list[RunSummary]") -> None:
        """Looks what the runs hold on disk, unless another thread is at it still; the list does not wait for this."""
        from sidestep_tui.tui.home.disk_use import DiskUse

        if not self._measuring.acquire(blocking=False):
            return
        try:
            self._disk_use = self._disk_use or DiskUse()
            worker = get_current_worker()
            self.post_message(self.Measured(self._disk_use.measure(runs, lambda: worker.is_cancelled)))
        finally:
            self._measuring.release()

    @on(Measured)
    def _take_disk_use(self, event: Measured) -> None:
        if event.held != self.held:
            self.held = event.held
            self.show_runs()

    @on(Refreshed)
    def _show(self, event: Refreshed) -> None:
        self.all_runs, self.notes = event.runs, event.notes
        table = self.query_one(RunTable)
        notice = self.query_one("#notice", Static)
        self.show_runs()
        table.display = bool(event.runs)
        notice.display = not event.runs
        if event.runs:
            if self.focused is None:
                table.focus()
        else:
            notice.update(_EMPTY)
        self.query_one(MachineLines).snapshot = event.machine
        self.query_one("#next", Static).update(Content.assemble((_("Next  "), "bold $accent"), clean(event.advice)))
        self.refresh_bindings()

    def show_runs(self) -> None:
        """Fills the table, and says in its title what is left out."""
        from sidestep_tui.tui.home.arrange import arranged

        shown = arranged(self.all_runs, self.notes, self.words, self.order, self.held)
        self.query_one(RunTable).show(shown, self.held, self.sidestep.clock())
        title = _("Runs")
        if words := clean(self.words).strip():
            title += _(" with “{words}”: {shown} of {all}").format(
                words=words, shown=len(shown), all=len(self.all_runs)
            )
        if self.order != "newest":
            title += _(", by {order}").format(order=word(self.order))
        self.query_one("#run-panel").border_title = Content(title)
        self._show_details()

    def _show_details(self) -> None:
        """The note on the run under the cursor, and what it holds on disk where the table has no column for that."""
        run = self.current()
        path = str(run.run.path) if run is not None else ""
        held = "" if self.query_one(RunTable).wide else told_size(self.held.get(path))
        told = _("{size} on disk").format(size=held) if held else ""
        note = shorten(clean(self.notes.get(path, "")), max(10, self.size.width - cell_len(told) - 11))
        self.query_one("#run-panel").border_subtitle = Content(" · ".join(filter(None, (note, told))))

    @on(Unreadable)
    def _show_error(self, event: Unreadable) -> None:
        notice = self.query_one("#notice", Static)
        notice.display = True
        text = _("The runs cannot be read")
        notice.update(Content.assemble((text, "bold $text-error"), "\n\n", clean(event.reason)))

    @on(RunTable.RowSelected)
    def _open(self) -> None:
        if run := self.current():
            self.sidestep.open("monitor", run=run.run)

    @on(RunTable.RowHighlighted)
    def _cursor_moved(self) -> None:
        self._show_details()
        self.refresh_bindings()

    def action_new(self) -> None:
        """Opens the wizard."""
        self.sidestep.open("wizard")

    def action_go(self, screen: str) -> None:
        """Opens another screen."""
        self.sidestep.open(screen)

    def runs_changed(self) -> None:
        """Looks at the runs again."""
        self.read_runs()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys appear only where they would do something."""
        if action == "go":
            return parameters[0] in ROUTES
        return super().check_action(action, parameters)

    def current(self) -> "RunSummary | None":
        """The run under the cursor."""
        key = self.query_one(RunTable).current_key if self.is_mounted else None
        return next((run for run in self.all_runs if str(run.run.path) == key), None)
