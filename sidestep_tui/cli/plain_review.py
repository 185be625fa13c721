"""The end of the line-by-line wizard: what the run is, in words, and a numbered list of what can be done now."""

import time
from collections.abc import Callable
from typing import Final

from sidestep_tui.cli.asking import Asker
from sidestep_tui.config.memory.estimate import GIB
from sidestep_tui.config.preflight import Policies
from sidestep_tui.config.presets.names import check_name
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.devices import sharing_with
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import summarise
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.failures import in_words
from sidestep_tui.tui.wizard import reviewing, saving
from sidestep_tui.tui.wizard.start import StartPlan, keep, remember, start, start_preflight
from sidestep_tui.tui.wizard.state import MODEL, SONGS, WizardState
from sidestep_tui.tui.wizard.values import spell_value
from sidestep_tui.tui.wizard.views import Action, advice, amount, origin_words, source, time_words

_LEAVING: Final = (
    Action("back", _("Go back to the settings"), _("nothing is lost")),
    Action("leave", _("Leave"), _("nothing is started")),
)
_POLL_SECONDS: Final = 0.2


class LeaveError(Exception):
    """The person wants to leave."""


class PlainReview:
    """The review as a conversation; the arguments are those of `PlainWizard`."""

    def __init__(self, state: WizardState, asker: Asker, say: Callable[[str], None]) -> None:
        self._state = state
        self._asker = asker
        self._say = say

    def run(self) -> RunDirectory | None:
        """Asks what to do until a run was started; None where the person goes back to the settings.

        Raises:
            LeaveError: the person leaves.
        """
        actions = self._describe()
        while True:
            key = actions[self._number(_("What now? Its number:"), len(actions)) - 1].key
            if key == "back":
                return None
            try:
                if (started := self._act(key)) is not None:
                    return started
            except SidestepError as error:
                for line in in_words(error):
                    self._say(line)
            else:
                actions = self._describe()

    def _number(self, question: str, count: int, usual: str = "") -> int:
        """Asks until the answer is one of so many numbers."""
        while True:
            answer = self._asker.ask(question) or usual
            if answer.isdecimal() and 1 <= int(answer) <= count:
                return int(answer)
            self._say(_("Give a number from 1 to {count}.").format(count=count))

    def _act(self, key: str) -> RunDirectory | None:
        """Does one thing; gives the first run where that started one.

        Raises:
            LeaveError: nothing is left to do.
            SidestepError: it could not be done.
        """
        state = self._state
        match key:
            case "start":
                return self._make(start)
            case "keep":
                run = self._make(keep)
                self._say(_("Saved {run}. `sidestep resume {typed}` starts it.").format(run=run.path, typed=run.typed))
                raise LeaveError
            case "preflight":
                self._measure()
            case "take":
                reviewing.take_found(state)
            case "measure":
                state.measure_first = not state.measure_first
            case "samples":
                reviewing.switch_samples(state)
            case "fit":
                state.make_it_fit()
            case "name":
                state.chosen_name = (
                    self._asker.ask(_("Name of the run [{name}]:").format(name=state.name())) or state.chosen_name
                )
            case "preset":
                self._save_preset()
            case "file":
                self._save_file()
            case "leave":
                raise LeaveError
        return None

    def _measure(self) -> None:
        """Asks how much is tried and runs a preflight to its end; Ctrl+C waits no longer.

        Raises:
            SidestepError: it could not be started, or failed.
        """
        plan = reviewing.plan(self._state)
        run = start_preflight(plan, self._policies() if reviewing.may_try_others(plan) else "chosen")
        self._state.preflight = run
        self._say(_("Measuring a few steps; Ctrl+C waits no longer."))
        try:
            while run.alive():
                time.sleep(_POLL_SECONDS)
        except KeyboardInterrupt:
            return
        failure = summarise(run).state.failure
        if failure is not None:
            raise SidestepError(failure.what, where=failure.where or None, fix=failure.fix or None)

    def _policies(self) -> Policies:
        """How much the preflight tries."""
        for number, (title, note) in enumerate(reviewing.POLICIES.values(), start=1):
            self._say(f"{number}. {title}: {note}")
        number = self._number(_("How much is tried? Its number [1]:"), len(reviewing.POLICIES), usual="1")
        return list(reviewing.POLICIES)[number - 1]

    def _make(self, make: Callable[[StartPlan], RunDirectory]) -> RunDirectory:
        """Starts the chain, or only makes its runs; gives the first."""
        plan = reviewing.plan(self._state)
        run = make(plan)
        if make is start and len(plan.jobs) == 1:  # a chain waits by itself for whoever is there
            for other in sharing_with(run):
                told = _("{name} works on the same card: the two share its memory and its time.")
                self._say(told.format(name=other.name))
        remember({MODEL: str(plan.train.model.checkpoint), SONGS: str(self._state.path(SONGS))})
        return run

    def _save_preset(self) -> None:
        document = self._state.document
        name = check_name(self._asker.ask(_("Name of the preset:")))
        taken = saving.has_preset(name)
        if not taken or self._agrees(_("Replace your preset {name}?").format(name=name)):
            saved = saving.save_as_preset(document, name, overwrite=taken)
            self._say(_("Saved as {path}").format(path=saved))

    def _save_file(self) -> None:
        usual = f"{self._state.name()}.json"
        text = self._asker.ask(_("Config file [{name}.json]:").format(name=self._state.name()), path=True) or usual
        if not saving.file_exists(text) or self._agrees(_("Replace {file}?").format(file=text)):
            self._say(_("Saved as {path}").format(path=saving.save_as_file(self._state.document, text)))

    def _agrees(self, question: str) -> bool:
        return self._asker.ask(_("{question} (yes or no) [no]:").format(question=question)).lower() in ("y", "yes")

    def _fitting(self) -> tuple[Action, ...]:
        memory = self._state.memory()
        if memory is None or memory.change is None:
            return ()
        return (Action("fit", _("Make it fit"), advice(memory.change)),)

    def _describe(self) -> tuple[Action, ...]:
        """Says settings, memory, time, commands and the numbered list of actions, and gives the actions."""
        view = reviewing.review(self._state)
        actions = (*view.actions, *self._fitting(), *_LEAVING)
        self._say("")
        self._say(_("Review. Settings that differ from the defaults:"))
        for difference in view.differences:
            default = spell_value(difference.default)
            usual = _("default {default}").format(default=default) if default else ""
            note = ", ".join(part for part in (usual, origin_words(difference.origin)) if part)
            self._say(f"  {difference.field.path} = {spell_value(difference.value)} ({note})")
        if view.chosen:
            self._say(_("Chosen for what you left open:"))
        for path, chosen in view.chosen.items():
            self._say(f"  {path} = {spoken(str(chosen))}")
        self._say(self._memory_words())
        self._say(_("Time: {words}.").format(words=time_words(view)))
        self._say(_("The same from a shell:"))
        for command in view.commands:
            self._say(f"  {command}")
        for number, action in enumerate(actions, start=1):
            self._say(f"{number}. {action.name}: {action.note}")
        return actions

    def _memory_words(self) -> str:
        memory = self._state.memory()
        if memory is None:
            return _("Memory: known once the settings are valid.")
        needed = _("Memory: {amount}").format(amount=" ".join(filter(None, (amount(memory), source(memory)))))
        if memory.free is None and memory.measured:
            return _("{needed} in the host's memory.").format(needed=needed)
        if memory.free is None:
            return _("{needed} on a card; there is none here.").format(needed=needed)
        verdict = _("it fits") if memory.fits else _("too much")
        return _("{needed} of {free:.1f} free: {verdict}.").format(
            needed=needed, free=memory.free / GIB, verdict=verdict
        )
