"""A training run that has ended and is to train longer: how far is asked, then its settings change."""

from typing import TYPE_CHECKING, Final

from textual.binding import Binding

from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken

if TYPE_CHECKING:
    from sidestep_tui.runs.history import RunSummary
    from sidestep_tui.tui.screen import SidestepScreen


LONGER_KEY: Final = Binding(
    "r", "longer", _("Train longer"), show=False, tooltip=_("Let a finished training run go on (asks how far)")
)
"""On every screen that offers it."""

_LENGTHS: Final = ("training.epochs", "training.max_steps")
_TARGET: Final = "training.target_loss"


def can_train_longer(summary: "RunSummary | None") -> bool:
    """Whether it is a training run that did all of its work."""
    return summary is not None and summary.job == "train" and summary.condition == "completed"


async def lengthened(screen: "SidestepScreen[None]", summary: "RunSummary") -> bool:
    """Asks how far the run is to go and changes its settings; False where somebody goes back, or it cannot be."""
    from sidestep_tui.config.fields import leaves, put
    from sidestep_tui.config.train import TrainSettings
    from sidestep_tui.runs.launch import check_free
    from sidestep_tui.runs.longer import what_ended
    from sidestep_tui.tui.wizard.dialogs import AskScreen

    run = summary.run
    try:
        settings = run.settings()
        if not isinstance(settings, TrainSettings):
            return False
        document, proposed = settings.model_dump(mode="json"), what_ended(settings, summary.state)
        asked, value = next(iter(proposed.items()))
        before = dict(leaves(document))[asked]
        note = _("It was {before}.").format(before=before)
        if asked in _LENGTHS:
            note += " " + _("The learning rate's schedule is stretched with the length.")
        title = _("Train {name} longer: {setting}").format(name=run.name, setting=asked)
        answer = await screen.app.push_screen_wait(
            AskScreen(title, value, check=lambda text: _problem(document, asked, before, text), note=note)
        )
        if answer is None:
            return False
        for path, text in {**proposed, asked: answer}.items():
            document = put(document, path, _value(text))
        check_free(run)  # another terminal may have been faster
        run.change_settings(TrainSettings.model_validate(document), force=True)
    except SidestepError as error:  # the run is of another version, or its folder takes nothing
        screen.sidestep.tell_error(error)
        return False
    return True


def _problem(document: dict[str, object], path: str, before: object, text: str) -> str | None:
    """Why a text is not further than before; None where it is."""
    from sidestep_tui.config.fields import put
    from sidestep_tui.config.layers import problems_of
    from sidestep_tui.config.train import TrainSettings

    value = _value(text)
    if problems := problems_of(TrainSettings, put(document, path, value)):
        return spoken(problems[0].message)
    if value is None or not isinstance(before, int | float):
        return None
    if path == _TARGET:
        return None if float(value) < before else _("less than {before}: so far it has come").format(before=before)
    return None if float(value) > before else _("more than {before}: so far it has come").format(before=before)


def _value(text: str) -> str | None:
    return None if text.strip() in ("", "none") else text.strip()
