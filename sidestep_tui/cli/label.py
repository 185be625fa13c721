"""`sidestep label`: what its engine could only refuse is refused before it starts, and where its finds go is said."""

from pathlib import Path

from sidestep_tui.cli.jobs import JobVerb
from sidestep_tui.cli.output import Output
from sidestep_tui.config.base import Section
from sidestep_tui.config.label import LabelSettings
from sidestep_tui.dataset.fields import field_named
from sidestep_tui.dataset.proposals import Proposals
from sidestep_tui.dataset.providers.catalogue import PROVIDERS, open_provider
from sidestep_tui.errors import UsageError
from sidestep_tui.runs.directory import RunDirectory


def _check(settings: Section) -> None:
    """A provider without a key, unnamed local models, and a field that songs do not have would fail in the background.

    Raises:
        UsageError: it is so.
    """
    assert isinstance(settings, LabelSettings)
    if unknown := next((name for name in settings.fields if field_named(name) is None), None):
        raise UsageError("Songs have no such field.", where=unknown, fix="write it like --fields bpm,key")
    settings.check_models()
    if settings.by in PROVIDERS:
        open_provider(settings.by, base_url=settings.base_url, model=settings.model_name)


def _show(run: RunDirectory, out: Output) -> None:
    """Nothing is in the data set yet, and training would not see it."""
    if Proposals(run.path).waiting():
        dataset: Path = run.settings().model_dump()["dataset"]
        out.say(f"`sidestep dataset review {dataset}` takes over what was found; until then the data set lacks it.")


configure = JobVerb("label", "dataset", show=_show, check=_check).configure
