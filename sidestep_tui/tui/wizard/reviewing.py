"""The end of the wizard without a screen: what keeps a run from starting, what can be done, and what is started."""

from dataclasses import replace
from typing import Final

from sidestep_tui.config.preflight import Policies
from sidestep_tui.config.variants import Chosen, chosen_values
from sidestep_tui.errors import UsageError
from sidestep_tui.runs.history import summarise
from sidestep_tui.runs.measured import settings_taken
from sidestep_tui.texts import _
from sidestep_tui.tui.wizard.command import estimate_command, listen_command, preprocess_command, train_command
from sidestep_tui.tui.wizard.start import StartPlan, estimate_for, plan_start, run_path, tensors_for
from sidestep_tui.tui.wizard.state import MODEL, SAMPLES_EVERY, SAVES_EVERY, SONGS, TARGETS_FROM, WizardState
from sidestep_tui.tui.wizard.values import spell_value
from sidestep_tui.tui.wizard.views import Action, ReviewView

POLICIES: Final[dict[Policies, tuple[str, str]]] = {
    "chosen": (_("As they are"), _("measures the settings as they stand")),
    "fit": (_("What fits"), _("tries less checkpointing first, until it fits")),
    "fastest": (_("The fastest"), _("then compile and graphs as well")),
}
"""How much a preflight may try, each with a title and a note."""
_WITH_RANKS: Final = ("lora", "dora")


def review(state: WizardState) -> ReviewView:
    """What the last step shows."""
    problem = obstacle(state)
    note = _("not yet: {obstacle}").format(obstacle=problem) if problem else _("it goes on when you leave")
    actions = (
        Action("start", _start_words(state), note, problem is None),
        *_preflight(state, problem),
        *_found(state),
        *_measuring(state),
        Action("samples", _("Listen"), _samples_words(state)),
        Action("name", _("Name of the run"), state.name()),
        Action("keep", _("Save without starting"), _("it starts when you say so"), problem is None),
        Action("preset", _("Save as a preset"), _("without paths and device")),
        Action("file", _("Save as a config file"), _("everything, for --config")),
    )
    differences, steps = state.document.differences(), state.optimizer_steps()
    return ReviewView(actions, differences, _commands(state), steps, state.figures(), _chosen(state))


def obstacle(state: WizardState) -> str | None:
    """Why the run cannot be started as things stand, in words; None where it can."""
    document = state.document
    if missing := document.missing():
        return _("{path} is needed").format(path=missing[0].path)
    wrong = next((f for f in document.applicable if document.error(f)), None)
    if wrong is not None:
        return f"{wrong.path} {document.error(wrong)}"
    if problems := document.problems():
        return problems[0].told
    path, message = next(iter(state.conflicts().items()), ("", None))
    return message if message is None or path == MODEL else f"{path}: {message}"


def plan(state: WizardState) -> StartPlan:
    """The runs to start.

    Raises:
        UsageError: something is missing or wrong.
    """
    if problem := obstacle(state):
        raise UsageError(
            _("The run cannot start: {problem}.").format(problem=problem), fix=_("the marked steps show what is open")
        )
    measured = _measures_first(state)
    return plan_start(state.document.document, state.name(), state.songs_folder(), measure_first=measured)


def switch_samples(state: WizardState) -> None:
    """Lets the run generate songs from the data set's captions as often as it saves, and at its end; or not."""
    every = state.document.find(SAMPLES_EVERY)
    often = state.document.value(state.document.find(SAVES_EVERY))
    state.document = state.document.edit(every, often if state.document.value(every) is None else None)


def _measures_first(state: WizardState) -> bool:
    """Whether an estimate runs before the training; only a low-rank adapter has ranks that it could spend."""
    return state.measure_first and _spends_ranks(state)


def _spends_ranks(state: WizardState) -> bool:
    family = state.document.value(state.document.find("adapter.family"))
    return family in _WITH_RANKS and not state.document.value(state.document.find(TARGETS_FROM))


def _start_words(state: WizardState) -> str:
    match state.songs_folder() is not None, _measures_first(state):
        case True, True:
            return _("Encode, measure, train")
        case True, False:
            return _("Encode, then train")
        case False, True:
            return _("Measure, then train")
        case _:
            return _("Start training")


def may_try_others(plan: StartPlan) -> bool:
    """Whether a preflight of the plan can try other settings of memory: several processes measure one at a time."""
    return plan.train.training.processes == 1


def _preflight(state: WizardState, problem: str | None) -> tuple[Action, ...]:
    """Measuring time and memory, while no preflight has, and the songs are encoded."""
    figures = state.figures()
    known = figures is not None and not figures.run
    if problem or known or state.songs_folder() is not None:
        return ()
    return (Action("preflight", _("Preflight"), _("measures time and memory")),)


def found(state: WizardState) -> dict[str, str | bool]:
    """What the preflight that was started from here found to be the fastest that fits, where the settings are others.

    Nothing where they differ in more than that: it was measured for another run then.
    """
    if state.preflight is None or not state.preflight.exists():
        return {}
    document = state.document
    taken = settings_taken(summarise(state.preflight).state.results)
    changes = {path: value for path, value in taken.items() if document.value(document.find(path)) != value}
    figures = replace(state, document=document.set_all(changes)).figures() if changes else None
    return changes if figures is not None and not figures.run else {}


def take_found(state: WizardState) -> None:
    """Takes what the preflight found into the settings."""
    state.document = state.document.set_all(found(state))


def _found(state: WizardState) -> tuple[Action, ...]:
    """Taking what a preflight found into the settings."""
    if not (changes := found(state)):
        return ()
    told = ", ".join(f"{path.rpartition('.')[2]} {spell_value(value)}" for path, value in changes.items())
    return (Action("take", _("Take what was found"), told, is_long=True),)


def _measuring(state: WizardState) -> tuple[Action, ...]:
    if not _spends_ranks(state):
        return ()
    answer = _("on: the songs give ranks") if state.measure_first else _("off: one rank everywhere")
    return (Action("measure", _("Measure first"), answer),)


def _samples_words(state: WizardState) -> str:
    every = state.document.value(state.document.find(SAMPLES_EVERY))
    if every is None:
        return _("off: songs only on request")
    return _("to songs every {epochs} epochs").format(epochs=every)


def _chosen(state: WizardState) -> dict[str, Chosen]:
    """The open settings that model or optimizer decide, as far as they apply; none while they cannot be told."""
    if state.model is None or state.model.traits is None or not state.document.ready():
        return {}
    settings = state.document.settings()
    chosen = chosen_values(settings, state.model.traits)
    sampling = settings.samples.every_epochs is not None
    return {path: value for path, value in chosen.items() if sampling or not path.startswith("samples.")}


def _commands(state: WizardState) -> tuple[str, ...]:
    """The same from a shell, one line for each run of the chain."""
    document, commands = state.document, []
    model = document.document.get("model", {})
    if songs := state.songs_folder():
        tensors = tensors_for(songs)
        commands.append(preprocess_command(model, songs, tensors))
        document = document.edit(document.find(SONGS), str(tensors))
    if _measures_first(state) and state.document.ready():
        estimate = estimate_for(document.settings())
        commands.append(estimate_command(model, estimate))
        document = document.edit(document.find(TARGETS_FROM), str(estimate.output))
    run = run_path(state.name())
    commands.append(train_command(document, run))
    if document.value(document.find(SAMPLES_EVERY)) is not None:
        commands.append(listen_command(run))
    return tuple(commands)
