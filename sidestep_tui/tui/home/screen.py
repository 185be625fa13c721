"""Home: what runs, what ran, what the machine has left, and what to do next.

The first paint shows the frame; what `reading` has read fills it.
"""

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from sidestep_tui.texts import _, ngettext
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.home.history import HistoryKeys
from sidestep_tui.tui.home.reading import RunsReading
from sidestep_tui.tui.home.run_keys import RunKeys
from sidestep_tui.tui.home.run_table import RunTable, told_size
from sidestep_tui.tui.routes import ROUTES
from sidestep_tui.tui.text import clean, shorten
from sidestep_tui.tui.widgets.machine import MachineLines
from sidestep_tui.tui.widgets.quiet import entitle, tell
from sidestep_tui.tui.words import word

if TYPE_CHECKING:
    from sidestep_tui.runs.chains import Wait
    from sidestep_tui.runs.history import RunSummary

_REFRESH_SECONDS = 2.0
_LONGEST_NAME = 40

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


_NONE_FITS = _("No run has these words. [b $footer-key-foreground]/[/] changes them; no words show all runs.")


class HomeScreen(HistoryKeys, RunKeys, RunsReading):
    """The list of runs, newest first, and the way to everything else."""

    HEADING = ""
    ABOUT = _(
        "Every run on this machine. Engines go on when you leave: come back and open a run to see all of it. "
        "Preflights that are done are left out, their figures stand in the wizard: / and `preflight` shows them. "
        "A run's loss is the mean of its last 20 steps."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", _("New"), tooltip=_("Set up a new run, step by step")),
        Binding("u", "go('queue')", _("Queue"), tooltip=_("Runs that wait for the machine, one after another")),
        Binding("p", "go('presets')", _("Presets"), tooltip=_("Settings to start from: look, compare, keep")),
        Binding("D", "go('dataset')", _("Data set"), tooltip=_("Review the songs of a data set")),
        Binding("escape", "leave", _("Back"), show=False, tooltip=_("To all runs; then out: running engines go on")),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._title = Content(_("Runs"))
        self._waits: dict[str, Wait] = {}

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
            yield Static(id="unreadable")

    def on_mount(self) -> None:
        """Reads as soon as the first frame is on the terminal, and again while the screen is in front."""
        self.query_one(RunTable).display = False
        self.query_one("#unreadable").display = False
        self.call_after_refresh(self.read_runs)
        self.set_interval(_REFRESH_SECONDS, self._read_if_in_front)

    def on_screen_resume(self) -> None:
        """What happened on another screen is shown at once."""
        if self.has_read:
            self.read_runs()

    def _read_if_in_front(self) -> None:
        if self.in_front and not self.is_reading:
            self.read_runs()

    @on(RunsReading.Measured)
    def _take_disk_use(self, event: RunsReading.Measured) -> None:
        if event.held != self.held:
            self.held = event.held
            self.show_runs()

    @on(RunsReading.Refreshed)
    def _show(self, event: RunsReading.Refreshed) -> None:
        self.all_runs, self.notes, self._waits = event.runs, event.notes, event.waits
        self.show_runs()
        self._tell_unreadable(event.unreadable)
        self.query_one(MachineLines).snapshot = event.machine
        tell(self.query_one("#next", Static), Content.assemble((_("Next  "), "bold $accent"), clean(event.advice)))
        self.refresh_bindings()

    def show_runs(self) -> None:
        """Fills the table, and says in its title what is left out."""
        from sidestep_tui.tui.home.arrange import arranged, is_read_elsewhere

        table, notice = self.query_one(RunTable), self.query_one("#notice", Static)
        shown = arranged(self.all_runs, self.notes, self.words, self.order, self.held)
        table.display, notice.display = bool(shown), not shown
        table.show(shown, self.held, self.sidestep.clock())
        if shown and self.focused is None:
            table.focus()
        elif not shown:
            tell(notice, Content.from_markup(_NONE_FITS if self.words.strip() else _EMPTY))
        title = _("Runs")
        if words := clean(self.words).strip():
            title += _(" with “{words}”: {shown} of {all}").format(
                words=words, shown=len(shown), all=len(self.all_runs)
            )
        elif left_out := sum(map(is_read_elsewhere, self.all_runs)):
            title += ngettext(" without {count} preflight", " without {count} preflights", left_out).format(
                count=left_out
            )
        if self.order != "newest":
            title += _(", by {order}").format(order=word(self.order))
        self._title = Content(title)
        self._show_details()

    def _show_details(self) -> None:
        """The note on the run under the cursor, for what it waits, and what it holds on disk if no column says that."""
        run = self.current()
        path = str(run.run.path) if run is not None else ""
        held = "" if self.query_one(RunTable).wide else told_size(self.held.get(path))
        holds = _("{size} on disk").format(size=held) if held else ""
        told = " · ".join(filter(None, (_waiting(self._waits.get(path)), holds)))
        note = shorten(clean(self.notes.get(path, "")), max(10, self.size.width - cell_len(told) - 11))
        entitle(self.query_one("#run-panel"), self._title, Content(" · ".join(filter(None, (note, told)))))

    def _tell_unreadable(self, reasons: dict[str, str]) -> None:
        """One line below the runs for those that are there and cannot be read; the others do not suffer."""
        line = self.query_one("#unreadable", Static)
        line.display = bool(reasons)
        if reasons:
            name, reason = next(iter(reasons.items()))
            told = _("{name} cannot be read: {reason}").format(name=clean(name), reason=clean(spoken(reason)))
            if len(reasons) > 1:
                told += _(" ({count} more)").format(count=len(reasons) - 1)
            tell(line, Content.styled(f"! {told}", "$text-warning"))

    @on(RunsReading.Unreadable)
    def _show_error(self, event: RunsReading.Unreadable) -> None:
        self.query_one(MachineLines).snapshot = event.machine
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

    async def action_leave(self) -> None:
        """Back to all runs; out of the application where all are shown."""
        if self.words.strip():
            self.words = ""
            self.show_runs()
        else:
            await self.sidestep.action_quit()

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
        if action in ("resume", "enqueue") and (run := self.current()):
            wait = self._waits.get(str(run.run.path))
            if wait is not None and (action == "enqueue" or wait.after is not None):
                return False  # its queue starts it, and of a chain not before what it needs is there
        return super().check_action(action, parameters)

    def current(self) -> "RunSummary | None":
        """The run under the cursor."""
        key = self.query_one(RunTable).current_key if self.is_mounted else None
        return next((run for run in self.all_runs if str(run.run.path) == key), None)


def _waiting(wait: "Wait | None") -> str:
    """When a run that a queue starts by itself begins, in few words."""
    if wait is None:
        return ""
    if wait.kept_by is not None:
        return _("starts when {name} leaves the device").format(name=shorten(clean(wait.kept_by.name), _LONGEST_NAME))
    if wait.after is not None:
        return _("starts after {name}").format(name=shorten(clean(wait.after.name), _LONGEST_NAME))
    return _("starts by itself")
