"""Everything that the wizard knows, without a screen: document, facts about model and songs, and what follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sidestep_tui.config.dit_shape import SHAPE_2B
from sidestep_tui.config.fields import SettingField
from sidestep_tui.config.memory.advice import cheapest_fit
from sidestep_tui.config.memory.estimate import estimate_memory
from sidestep_tui.config.places import expanded
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.machine import CardSnapshot
from sidestep_tui.texts import _, ngettext
from sidestep_tui.tui.wizard.conflicts import absent_files, absent_means, absent_targets
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.facts import DataFacts, ModelFacts
from sidestep_tui.tui.wizard.lengths import optimizer_steps, recommended_epochs
from sidestep_tui.tui.wizard.measurements import card_of, figures_for
from sidestep_tui.tui.wizard.models import FoundModel
from sidestep_tui.tui.wizard.schema import Step, steps_of
from sidestep_tui.tui.wizard.sheet import DEFAULT
from sidestep_tui.tui.wizard.start import suggest_name
from sidestep_tui.tui.wizard.views import Condition, Figures, MemoryView, StepLine

MODEL = "model.checkpoint"
BASE = "model.base"
DEVICE = "model.device"
SONGS = "data.tensors"
MORE_SONGS = "data.more_tensors"
EPOCHS = "training.epochs"
TARGETS_FROM = "adapter.targets_from"
SAMPLES_EVERY = "samples.every_epochs"
SAVES_EVERY = "checkpoints.every_epochs"
REVIEW = _("Review")


@dataclass
class WizardState:
    """The wizard's memory while it is open."""

    document: WizardDocument = field(default_factory=WizardDocument)
    advanced: bool = False
    model: ModelFacts | None = None
    model_problem: str = ""
    found_models: tuple[FoundModel, ...] | None = None
    data: DataFacts | None = None
    cards: tuple[CardSnapshot, ...] = ()
    runs: Mapping[str, Figures] = field(default_factory=dict)
    """What earlier training runs took, by the fingerprint of their settings."""
    chosen_name: str | None = None
    measure_first: bool = False
    preflight: RunDirectory | None = None
    """The one that was started from here last."""

    def path(self, setting: str) -> Path | None:
        """The accepted value of a path setting."""
        value = self.document.value(self.document.find(setting))
        return Path(value) if value else None

    def folders(self) -> tuple[Path, ...]:
        """The folder of songs or tensors and those that are trained on with it; none where the first is not given."""
        first, more = self.path(SONGS), self.document.value(self.document.find(MORE_SONGS))
        return () if first is None else (first, *map(expanded, more))

    @property
    def free_bytes(self) -> int | None:
        """Free memory of the card that the run would use; None where it would use none, or it does not tell."""
        card = card_of(str(self.document.value(self.document.find(DEVICE))), self.cards)
        return None if card is None or not card.memory_total else card.memory_free

    def steps(self) -> tuple[Step, ...]:
        """The steps with settings to show; the review comes after them."""
        document = self.document
        heeded = tuple(filter(self._is_heeded, document.applicable))
        return steps_of(document.schema, heeded, document.document, advanced=self.advanced)

    def search(self, text: str) -> tuple[SettingField, ...]:
        """The settings that apply whose path or help holds all words of the text; hits in the path first."""
        return tuple(filter(self._is_heeded, self.document.search(text)))

    def _is_heeded(self, setting: SettingField) -> bool:
        """Whether the chosen model's variant takes notice of a setting; one that was edited is shown in any case."""
        if self.model is None or not setting.variants:
            return True
        return self.model.variant in setting.variants or self.document.origin(setting) != DEFAULT

    def step_lines(self) -> tuple[StepLine, ...]:
        """The steps as the list shows them, the review last."""
        conflicts = self.conflicts()
        lines = [StepLine(step.title, self._condition(step, conflicts)) for step in self.steps()]
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
            return _("No model lies in the usual places; one can be downloaded")
        words = ngettext("{count} model lies in the usual places", "{count} models lie in the usual places", count)
        return words.format(count=count)

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
        settings = document.settings()
        shape = self.model.shape if self.model else SHAPE_2B
        load = self.data.load if self.data else None
        view = MemoryView(estimate_memory(settings, shape, load), self.free_bytes, self.figures())
        if view.free is None or view.fits:
            return view
        # What is tried has not been measured: it is taken to be as far from its estimate as this was.
        room = view.free - (view.total - view.memory.total)
        return replace(view, change=cheapest_fit(settings, shape, room, load))

    def figures(self) -> Figures | None:
        """What was measured with the settings as they stand; None where nothing was, or they are not whole."""
        if not self.document.ready():
            return None
        return figures_for(self.document.settings(), self.cards, self.runs)

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
        settings = self.document.settings()
        training = settings.training
        micro_batches = training.gradient_accumulation * training.processes
        samples = self.data.trained(settings.validation.songs)
        steps = optimizer_steps(samples, training.epochs, training.batch_size, micro_batches)
        return min(steps, training.max_steps) if training.max_steps else steps

    def conflicts(self) -> dict[str, str]:
        """What disk and model have against accepted values, by dotted path: each keeps the run from starting."""
        found: dict[str, str] = {}
        if self.model_problem:
            found[MODEL] = self.model_problem
        if self.data and self.data.kind in ("encoding", "damaged", "empty", "missing"):
            found[SONGS] = self.data.title
        found |= absent_files(self.document)
        if self.document.ready():
            settings = self.document.settings()
            found |= absent_means(settings, card=self.free_bytes is not None)
            found |= absent_targets(settings, self.model.shape) if self.model is not None else {}
        return found

    def _condition(self, step: Step, conflicts: Mapping[str, str]) -> Condition:
        fields = [f for f in self.document.applicable if f.section == step.name]
        if any(self.document.error(f) or f.path in conflicts for f in fields):
            return "wrong"
        return "open" if any(self.document.is_missing(f) for f in fields) else "done"
