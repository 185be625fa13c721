"""The settings wizard asked line by line, over the same state as the screens: one question a setting, then the review.

Every answer is looked at at once. Lines that begin with a colon go somewhere instead of answering.
"""

from collections.abc import Callable
from typing import Final

from sidestep_tui.cli.asking import Asker
from sidestep_tui.cli.plain_models import PlainModels
from sidestep_tui.cli.plain_review import LeaveError, PlainReview
from sidestep_tui.config.fields import SettingField
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.wizard.facts import inspect_model, look_at_songs, together
from sidestep_tui.tui.wizard.state import BASE, EPOCHS, MODEL, MORE_SONGS, SONGS, WizardState
from sidestep_tui.tui.wizard.values import allowed, parse_value, spell_value

_HELP: Final = _(
    "Enter keeps the value in brackets. ? explains the setting. :back goes to the one before, :next to the next step, "
    ":find WORDS to a setting, :models to the model and those that are here, :reset takes an edit back, :advanced "
    "shows or hides the advanced settings, :review ends the questions, :quit leaves."
)
_EMPTY: Final = ("none", "empty")


class PlainWizard:
    """The conversation.

    Args:
        state: the wizard's memory.
        asker: asks the person.
        say: prints one line.
    """

    def __init__(self, state: WizardState, asker: Asker, say: Callable[[str], None]) -> None:
        self._state = state
        self._asker = asker
        self._say = say
        self._models = PlainModels(say)
        self._at: str | None = None
        self._step = ""

    def run(self) -> RunDirectory | None:
        """Asks until a run was started, and gives the first of its chain; None where the person left.

        Raises:
            EOFError: the answers ended.
        """
        self._say(_HELP)
        for path in (MODEL, SONGS):
            self._look(path)
        if self._state.path(MODEL) is None:
            self._models.offer()
        try:
            while True:
                self._ask_all()
                started = PlainReview(self._state, self._asker, self._say).run()
                if started is not None:
                    return started
        except LeaveError:
            return None

    def _ask_all(self) -> None:
        """From the first setting until the questions end."""
        self._at, self._step = self._paths()[0], ""
        while self._at is not None:
            self._ask(self._state.document.find(self._at))

    def _paths(self) -> list[str]:
        """The settings that are asked for, in order."""
        return [field.path for step in self._state.steps() for field in step.fields]

    def _ask(self, setting: SettingField) -> None:
        """Asks for one setting and goes on."""
        self._announce(setting)
        document = self._state.document
        words = " ".join(
            part
            for part in (
                setting.path,
                f"({allowed(setting)})" if allowed(setting) else "",
                f"[{spell_value(document.shown(setting))}]" if spell_value(document.shown(setting)) else "",
            )
            if part
        )
        answer = self._asker.ask(f"{words}:", choices=setting.choices, path=setting.kind == "path")
        if answer.startswith(":"):
            self._go(answer[1:], setting)
        elif answer == "?":
            self._say(_(setting.help))
        else:
            self._take(setting, answer)

    def _announce(self, setting: SettingField) -> None:
        """The heading of a step, when it is entered."""
        if setting.section == self._step:
            return
        self._step = setting.section
        steps = self._state.steps()
        number = next(index for index, step in enumerate(steps) if step.name == self._step)
        step = steps[number]
        self._say("")
        self._say(
            _("Step {number} of {steps}, {title}. {about}").format(
                number=number + 1, steps=len(steps), title=step.title, about=step.about.splitlines()[0]
            )
        )
        if setting.section == EPOCHS.partition(".")[0] and (epochs := self._state.recommended_epochs()):
            self._say(_("{epochs} epochs are usual for so many songs.").format(epochs=epochs))

    def _take(self, setting: SettingField, answer: str) -> None:
        """Puts an answer into the document; stays at the setting while it cannot be used."""
        state = self._state
        if setting.path == MODEL:
            answer = self._models.picked(answer)
        if answer:
            text = "" if setting.optional and answer.lower() in _EMPTY else answer
            state.document = state.document.edit(setting, parse_value(setting, text))
            self._look(setting.path)
        if problem := self._problem(setting):
            self._say(_("Not usable: {problem}.").format(problem=problem))
        else:
            self._at = self._after(setting.path)

    def _problem(self, setting: SettingField) -> str | None:
        document = self._state.document
        if document.is_missing(setting):
            return _("it must be given")
        conflict = self._state.conflicts().get(setting.path)
        return conflict.rstrip(".。") if conflict is not None else document.error(setting)

    def _after(self, path: str) -> str | None:
        """The setting that follows; None after the last one."""
        paths = self._paths()
        at = paths.index(path) + 1 if path in paths else 0
        return paths[at] if at < len(paths) else None

    def _go(self, words: str, setting: SettingField) -> None:
        """Does what a line with a colon says."""
        name, _space, rest = words.partition(" ")
        match name:
            case "back" | "b":
                paths = self._paths()
                self._at = paths[max(0, paths.index(setting.path) - 1)]
            case "next" | "n":
                following = [path for path in self._paths() if path.split(".")[0] != setting.section]
                later = self._paths()[self._paths().index(setting.path) :]
                self._at = next((path for path in later if path in following), None)
            case "find" | "f":
                self._find(rest)
            case "reset" | "x":
                self._state.document = self._state.document.reset(setting)
                self._look(setting.path)
            case "advanced" | "a":
                self._state.advanced = not self._state.advanced
                shown = _("Advanced settings are asked for."), _("Advanced settings are left out.")
                self._say(shown[0] if self._state.advanced else shown[1])
                if setting.path not in self._paths():
                    self._at = self._paths()[0]
            case "models" | "m":
                self._models.offer()
                self._at = MODEL
            case "download":
                self._at = MODEL
                if (model := self._models.download(rest)) is not None:
                    self._take(self._state.document.find(MODEL), str(model))
            case "review" | "r":
                self._at = None
            case "quit" | "q":
                raise LeaveError
            case _:
                self._say(_HELP)

    def _find(self, words: str) -> None:
        """Goes to the first setting that holds the words, and names the others."""
        found = self._state.search(words) if words else ()
        if not found:
            self._say(_("No setting has these words in its name or its help."))
            return
        if len(found) > 1:
            self._say(_("Also: {settings}").format(settings=", ".join(field.path for field in found[1:9])))
        self._state.step_of(found[0].path)  # shows the advanced settings where that one is among them
        self._at = found[0].path

    def _look(self, path: str) -> None:
        """Finds out about the model or the songs, and says it."""
        state = self._state
        if path in (MODEL, BASE) and (model := state.path(MODEL)):
            self._say(_("Looking at {model} …").format(model=model))
            state.model, state.model_problem = None, ""
            try:
                state.model = inspect_model(model, state.document.value(state.document.find(BASE)))
            except SidestepError as error:
                state.model_problem = spoken(error.what)
            else:
                state.model_problem = state.model.incomplete
                self._say(_("The model: {title}.").format(title=state.model.title))
        if path in (SONGS, MORE_SONGS) and (folders := state.folders()):
            first, *others = map(look_at_songs, folders)
            state.data = together(first, others)
            self._say(_("The songs: {title}.").format(title=state.data.title))
