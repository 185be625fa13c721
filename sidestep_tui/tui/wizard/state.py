"""Everything that the wizard knows, without a screen: document, facts about model and songs, and what follows."""

from dataclasses import dataclass, field
from pathlib import Path

from sidestep_tui.config.dit_shape import SHAPE_2B
from sidestep_tui.config.memory import estimate_memory
from sidestep_tui.config.memory_advice import cheapest_fit
from sidestep_tui.config.places import user_presets
from sidestep_tui.config.presets import Preset, save_preset, without_personal
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.config.variants import Chosen, chosen_values
from sidestep_tui.errors import UsageError
from sidestep_tui.files import write_text_atomic
from sidestep_tui.texts import _
from sidestep_tui.tui.wizard.command import estimate_command, preprocess_command, train_command
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.facts import DataFacts, ModelFacts, optimizer_steps, recommended_epochs
from sidestep_tui.tui.wizard.models import FoundModel
from sidestep_tui.tui.wizard.schema import Step, steps_of
from sidestep_tui.tui.wizard.start import StartPlan, estimate_for, plan_start, run_path, suggest_name, tensors_for
from sidestep_tui.tui.wizard.values import json_text
from sidestep_tui.tui.wizard.views import Action, Condition, MemoryView, Pace, ReviewView, StepLine

MODEL = "model.checkpoint"
BASE = "model.base"
DEVICE = "model.device"
SONGS = "data.tensors"
EPOCHS = "training.epochs"
TARGETS_FROM = "adapter.targets_from"
SAMPLES_EVERY = "samples.every_epochs"
SAVES_EVERY = "checkpoints.every_epochs"
REVIEW = _("Review")
_WITH_RANKS = ("lora", "dora")


@dataclass
class WizardState:
    """The wizard's memory while it is open."""

    document: WizardDocument = field(default_factory=WizardDocument)
    advanced: bool = False
    model: ModelFacts | None = None
    model_problem: str = ""
    found_models: tuple[FoundModel, ...] | None = None
    data: DataFacts | None = None
    free: tuple[int, ...] = ()
    pace: Pace | None = None
    chosen_name: str | None = None
    measure_first: bool = False

    def path(self, setting: str) -> Path | None:
        """The accepted value of a path setting."""
        value = self.document.value(self.document.find(setting))
        return Path(value) if value else None

    @property
    def free_bytes(self) -> int | None:
        """Free memory of the card that the run would use; None where it would use none."""
        device = str(self.document.value(self.document.find(DEVICE)))
        index = int(device.partition(":")[2] or 0)
        uses_card = device == "auto" or device.startswith("cuda")
        return self.free[index] if uses_card and index < len(self.free) else None

    def steps(self) -> tuple[Step, ...]:
        """The steps with settings to show; the review comes after them."""
        document = self.document
        return steps_of(document.schema, document.applicable, document.document, advanced=self.advanced)

    def step_lines(self) -> tuple[StepLine, ...]:
        """The steps as the list shows them, the review last."""
        lines = [StepLine(step.title, self._condition(step)) for step in self.steps()]
        return (*lines, StepLine(REVIEW, "done" if self.document.ready() else "open"))

    def step_of(self, path: str) -> int:
        """The number of the step in which a setting is shown; advanced settings are shown from now on if need be."""
        if self.document.find(path).tier == "advanced":
            self.advanced = True
        section = path.split(".", 1)[0]
        return next(index for index, step in enumerate(self.steps()) if step.name == section)

    def models_words(self) -> str:
        """What a first run can take as its model, while none is chosen; empty until that is known."""
        if self.found_models is None or self.path(MODEL) is not None:
            return ""
        count = len(self.found_models)
        if not count:
            return "No model lies in the usual places; one can be downloaded"
        return f"{count} model{'s lie' if count > 1 else ' lies'} in the usual places"

    def songs_folder(self) -> Path | None:
        """The folder of songs that must be encoded first; None where there are tensors already."""
        return self.path(SONGS) if self.data and self.data.kind == "songs" else None

    def name(self) -> str:
        """The run's name: chosen, or made from the songs and the adapter."""
        family = str(self.document.value(self.document.find("adapter.family")))
        return self.chosen_name or suggest_name(self.path(SONGS), family)

    def memory(self) -> MemoryView | None:
        """What the run would take; None while the settings cannot be read."""
        if self.document.problems():
            return None
        document = self.document
        for missing in document.missing():
            document = document.edit(missing, "not given yet")
        settings = document.settings(TrainSettings)
        shape = self.model.shape if self.model else SHAPE_2B
        load = self.data.load if self.data else None
        memory = estimate_memory(settings, shape, load)
        change = cheapest_fit(settings, shape, self.free_bytes, load) if self.free_bytes is not None else None
        return MemoryView(memory, self.free_bytes, change)

    def make_it_fit(self) -> bool:
        """Makes the cheapest change that lets the run fit; False where there is none to make."""
        view = self.memory()
        if view is None or view.change is None:
            return False
        self.document = self.document.set_all(view.change.values)
        return True

    def recommended_epochs(self) -> int | None:
        """Epochs for the chosen songs; None where their number is not known."""
        return recommended_epochs(self.data.songs) if self.data and self.data.songs else None

    def optimizer_steps(self) -> int:
        """Steps of the whole run; 0 where the number of songs is not known."""
        if not self.data or not self.data.songs or not self.document.ready():
            return 0
        settings = self.document.settings(TrainSettings)
        training = settings.training
        steps = optimizer_steps(
            self.data.songs,
            self.data.held_out or settings.validation.songs,
            training.epochs,
            training.batch_size,
            training.gradient_accumulation,
        )
        return min(steps, training.max_steps) if training.max_steps else steps

    def obstacle(self) -> str | None:
        """Why the run cannot be started as things stand, in words; None where it can."""
        if missing := self.document.missing():
            return _("{path} is needed").format(path=missing[0].path)
        wrong = next((f for f in self.document.applicable if self.document.error(f)), None)
        if wrong is not None:
            return f"{wrong.path} {self.document.error(wrong)}"
        if self.model_problem:
            return self.model_problem
        if self.data and self.data.kind in ("empty", "missing"):
            return f"{SONGS}: {self.data.title}"
        return None

    def plan(self) -> StartPlan:
        """The runs to start.

        Raises:
            UsageError: something is missing or wrong.
        """
        if obstacle := self.obstacle():
            raise UsageError(f"The run cannot start: {obstacle}.", fix="the marked steps show what is open")
        return plan_start(self.document.document, self.name(), self.songs_folder(), measure_first=self.measures_first)

    def review(self) -> ReviewView:
        """What the last step shows."""
        obstacle = self.obstacle()
        note = _("not yet: {obstacle}").format(obstacle=obstacle) if obstacle else _("it goes on when you leave")
        actions = (
            Action("start", self._start_words(), note, obstacle is None),
            *self._measuring(),
            Action("samples", _("Samples"), self._samples_words()),
            Action("name", _("Name of the run"), self.name()),
            Action("preset", _("Save as a preset"), _("without paths and device")),
            Action("file", _("Save as a config file"), _("everything, for --config")),
        )
        differences, steps = self.document.differences(), self.optimizer_steps()
        return ReviewView(actions, differences, self._commands(), steps, self.pace, self.chosen())

    def chosen(self) -> dict[str, Chosen]:
        """The open settings that model or optimizer decide, as far as they apply; none while they cannot be told."""
        if self.model is None or self.model.traits is None or not self.document.ready():
            return {}
        settings = self.document.settings(TrainSettings)
        chosen = chosen_values(settings, self.model.traits)
        sampling = settings.samples.every_epochs is not None
        return {path: value for path, value in chosen.items() if sampling or not path.startswith("samples.")}

    @property
    def measures_first(self) -> bool:
        """Whether an estimate runs before the training; only a low-rank adapter has ranks that it could spend."""
        return self.measure_first and self._spends_ranks

    @property
    def _spends_ranks(self) -> bool:
        family = self.document.value(self.document.find("adapter.family"))
        return family in _WITH_RANKS and not self.document.value(self.document.find(TARGETS_FROM))

    def _start_words(self) -> str:
        match self.songs_folder() is not None, self.measures_first:
            case True, True:
                return _("Encode, measure, then train")
            case True, False:
                return _("Encode, then train")
            case False, True:
                return _("Measure, then train")
            case _:
                return _("Start training")

    def _measuring(self) -> tuple[Action, ...]:
        if not self._spends_ranks:
            return ()
        answer = (
            _("on: ranks go where your songs move the model") if self.measure_first else _("off: one rank everywhere")
        )
        return (Action("measure", _("Measure first"), answer),)

    def switch_samples(self) -> None:
        """Lets the run generate songs from the data set's captions as often as it saves, and at its end; or not."""
        every = self.document.find(SAMPLES_EVERY)
        often = self.document.value(self.document.find(SAVES_EVERY))
        self.document = self.document.edit(every, often if self.document.value(every) is None else None)

    def _samples_words(self) -> str:
        every = self.document.value(self.document.find(SAMPLES_EVERY))
        return (
            _("off: only on request") if every is None else _("every {epochs} epochs and at end").format(epochs=every)
        )

    def save_preset(self, name: str, *, overwrite: bool = False) -> Path:
        """Saves the settings without paths and devices.

        Raises:
            SidestepError: the name is taken or no name for a file.
        """
        settings = without_personal(self.document.document)
        return save_preset(Preset(name, "saved from the wizard", settings), overwrite=overwrite)

    def has_preset(self, name: str) -> bool:
        """Whether the user has a preset of this name."""
        return (user_presets() / f"{name}.json").exists()

    def file_exists(self, name: str) -> bool:
        """Whether saving as this file would replace one."""
        return Path(name).expanduser().exists()

    def save_file(self, name: str) -> Path:
        """Saves the whole document as a config file and gives its path.

        Raises:
            SidestepError: it cannot be written.
        """
        path = Path(name).expanduser().absolute()
        write_text_atomic(path, json_text(self.document.document))
        return path

    def _commands(self) -> tuple[str, ...]:
        """The same from a shell, one line for each run of the chain."""
        document, commands = self.document, []
        model = self.path(MODEL) or Path("MODEL")
        if songs := self.songs_folder():
            tensors = tensors_for(songs)
            commands.append(preprocess_command(model, songs, tensors))
            document = document.edit(document.find(SONGS), str(tensors))
        if self.measures_first and self.document.ready():
            estimate = estimate_for(document.settings(TrainSettings))
            commands.append(estimate_command(model, estimate))
            document = document.edit(document.find(TARGETS_FROM), str(estimate.output))
        return (*commands, train_command(document, run_path(self.name())))

    def _condition(self, step: Step) -> Condition:
        fields = [f for f in self.document.applicable if f.section == step.name]
        if any(self.document.error(f) for f in fields):
            return "wrong"
        if step.name == "model" and self.model_problem:
            return "wrong"
        if step.name == "data" and self.data and self.data.kind in ("empty", "missing"):
            return "wrong"
        return "open" if any(self.document.is_missing(f) for f in fields) else "done"
