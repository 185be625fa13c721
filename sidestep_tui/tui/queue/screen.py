"""The queue: runs one after another, in a process of their own, so that it goes on when every viewer is gone."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs import standing
from sidestep_tui.runs.chains import Chain, kept_by, unfinished_chains
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import RunSummary
from sidestep_tui.runs.queue import Queue, is_worked_on
from sidestep_tui.texts import _
from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.failures import in_words
from sidestep_tui.tui.follow import RunCatalog
from sidestep_tui.tui.queue.chain_keys import ChainKeys
from sidestep_tui.tui.queue.problems import in_short, problems
from sidestep_tui.tui.queue.queue_table import QueueTable
from sidestep_tui.tui.queue.telling import told_chain, told_queue
from sidestep_tui.tui.queue.waiting import run_of_the_moment, waiting_runs
from sidestep_tui.tui.text import clean
from sidestep_tui.tui.widgets.quiet import tell
from sidestep_tui.tui.wizard.dialogs import Choice, PickScreen
from sidestep_tui.tui.words import word

_REFRESH_SECONDS = 2.0
_EMPTY = _("""\
[b]The queue is empty[/b]

Press [b $footer-key-foreground]a[/] to put a run into it: one that was saved in the wizard without \
being started, or one that was interrupted. The runs work one after another, \
also when you leave or your line drops.\
""")


class QueueScreen(ChainKeys):
    """The queued runs in their order, and what the queue does."""

    HEADING = _("Queue")
    ABOUT = _("Runs one after another. The queue works by itself: leave, drop the line, come back.")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", _("Add"), tooltip=_("Put a run at the end")),
        Binding(
            "d", "remove", _("Remove"), tooltip=_("Take the run out of the queue (asks first); the run itself stays")
        ),
        Binding("J,shift+down", "move(1)", _("Later"), key_display="J", tooltip=_("Move the run towards the end")),
        Binding("K,shift+up", "move(-1)", _("Sooner"), key_display="K", tooltip=_("Move the run towards the front")),
        Binding("p", "pause", _("Pause"), tooltip=_("Start nothing new, or go on; the run under way is not touched")),
        Binding("f", "failures", _("On failure"), tooltip=_("After a run that fails: go on with the next, or end")),
    ]

    @dataclass
    class Refreshed(Message):
        """The queue as a thread has just read it; `summaries` are all runs of the machine that can be read."""

        queue: Queue
        summaries: list[RunSummary]
        unreadable: dict[RunDirectory, SidestepError]
        working: bool
        chains: list[Chain]
        waits_for: str
        """The name of the run that has the device which the queue's next run needs."""

    def __init__(self) -> None:
        super().__init__()
        self._queue = Queue()
        self._summaries: list[RunSummary] = []
        self._unreadable: dict[RunDirectory, SidestepError] = {}
        self._catalog = RunCatalog()
        self._reading = threading.Lock()  # a slow disk must not have two threads in one catalogue
        self._begun: frozenset[RunDirectory] = frozenset()

    def compose_body(self) -> ComposeResult:
        """What the queue does, and its runs."""
        yield Static(_("Reading the queue …"), id="queue-state")
        yield Static(id="chains")
        with Vertical(classes="panel", id="run-panel") as panel:
            panel.border_title = _("Runs")
            yield QueueTable()
            yield Static(_EMPTY, id="notice")
            yield Static(id="problem")

    def on_mount(self) -> None:
        """Reads now and again while the screen is in front."""
        for name in ("#chains", "#notice", "#problem"):
            self.query_one(name).display = False
        self.call_after_refresh(self.read_queue)
        self.set_interval(_REFRESH_SECONDS, self._read_if_in_front)

    def _read_if_in_front(self) -> None:
        if self.in_front and not self._reading.locked():
            self.read_queue()

    def look_again(self) -> None:
        """Reads the queue anew."""
        self.read_queue()

    @work(thread=True, exclusive=True, group="follow")
    def read_queue(self) -> None:
        """Reads the queue, and starts its process again where a reboot has ended it."""
        with self._reading:
            try:
                queue = standing.read()
                summaries = self._catalog.poll()
                working = is_worked_on(standing.queue_file()) or self._start_worker(queue, summaries)
                chains = unfinished_chains({summary.run: summary for summary in summaries}.get)
                first = run_of_the_moment(queue, summaries) if working else None
                others = kept_by(first) if first is not None else ()
            except SidestepError as error:
                self.app.call_from_thread(self._show_error, error)
                return
            except OSError as error:
                self.app.call_from_thread(self._show_error, SidestepError(_("The runs cannot be read"), where=error))
                return
            waits_for = others[0].name if others else ""
            self.post_message(self.Refreshed(queue, summaries, self._catalog.unreadable, working, chains, waits_for))

    def _start_worker(self, queue: Queue, summaries: list[RunSummary]) -> bool:
        """Starts the queue's process for runs that wait, once for each: one that dies at once is not tried forever."""
        waiting = waiting_runs(queue, summaries)
        started = bool(waiting - self._begun) and standing.ensure_worker()
        self._begun |= waiting if started else frozenset()
        return started

    @on(Refreshed)
    def _show(self, event: Refreshed) -> None:
        self._queue, self._summaries, self._unreadable = event.queue, event.summaries, event.unreadable
        self.chains = event.chains
        tell(self.query_one("#queue-state", Static), told_queue(event.queue, event.working, event.waits_for))
        chains = self.query_one("#chains", Static)
        chains.display = bool(event.chains)
        tell(chains, Content("\n").join(map(told_chain, event.chains)))
        self._fill()
        table = self.query_one(QueueTable)
        table.display = bool(event.queue.runs)
        self.query_one("#notice").display = not event.queue.runs
        problem = self.query_one("#problem", Static)
        found = problems(event.queue, event.summaries, event.unreadable)
        problem.display = bool(found)
        if found:
            tell(problem, in_short(found))
        if event.queue.runs and self.focused is None:
            table.focus()
        self.refresh_bindings()

    def _show_error(self, error: SidestepError) -> None:
        what, *rest = map(clean, in_words(error))
        text = Content.assemble((what, "bold $text-error"), *(f"\n{part}" for part in rest))
        self.query_one("#queue-state", Static).update(text)

    def on_resize(self, _event: events.Resize) -> None:
        """Fills the new width."""
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        known = {summary.run: summary for summary in self._summaries}
        self.query_one(QueueTable).show(self._queue, known, self._unreadable, self.size.width)

    @on(QueueTable.RowSelected)
    def _open(self) -> None:
        run = self._run
        found = problems(self._queue, self._summaries, self._unreadable)
        if run in found:
            self.sidestep.tell_error(found[run])
        elif run is not None:
            self.sidestep.open("monitor", run=run)

    @work
    async def action_add(self) -> None:
        """Offers the runs that could be started and are not in the queue."""
        chained = {run for chain in self.chains if chain.working for run in chain.runs}
        free = [s for s in self._summaries if s.condition not in ("running", "completed") and s.run not in chained]
        choices = [
            Choice(str(s.run.path), s.run.name, f"{word(s.job)}, {word(s.condition)}")
            for s in free
            if s.run not in self._queue.runs
        ]
        if not choices:
            self.sidestep.tell(_("There is no run to add: save one in the wizard without starting it."), "warning")
            return
        chosen = await self.app.push_screen_wait(PickScreen(_("Put into the queue"), choices))
        run = next((s.run for s in free if str(s.run.path) == chosen), None)
        if run is not None:
            self._change(lambda: standing.add(run))

    @work
    async def action_remove(self) -> None:
        """Asks, then takes the run out."""
        run = self._run
        if run is None:
            return
        detail = _("The run and its files stay. If its engine is at work it goes on.")
        if await self.app.push_screen_wait(
            ConfirmScreen(_("Take {name} out of the queue?").format(name=run.name), detail, yes=_("Remove"))
        ):
            self._change(lambda: standing.remove(run))

    def action_move(self, by: int) -> None:
        """Moves the run under the cursor; the cursor goes with it."""
        run = self._run
        if run is not None:
            self._change(lambda: standing.move(run, by))

    def action_pause(self) -> None:
        """Pauses the queue, or lets it go on, also with what it has tried before."""
        self._begun = frozenset()
        self._change(lambda: standing.set_paused(not self._queue.paused))

    def action_failures(self) -> None:
        """Switches what happens after a failure."""
        self._change(lambda: standing.set_skip_failures(not self._queue.skip_failures))

    def _change(self, change: Callable[[], None]) -> None:
        try:
            change()
            self._queue = standing.read()  # a second key may be pressed before the thread has read it
        except SidestepError as error:
            self.sidestep.tell_error(error)
        self.read_queue()

    @property
    def _run(self) -> RunDirectory | None:
        key = self.query_one(QueueTable).current_key if self.is_mounted else None
        return next((run for run in self._queue.runs if str(run.path) == key), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys appear only where they would do something."""
        return self._run is not None if action in ("remove", "move") else super().check_action(action, parameters)
