"""`sidestep label`: what its engine could only refuse is refused before it starts, and where its finds go is said."""

import shlex

from sidestep_tui.cli.jobs import JobVerb
from sidestep_tui.cli.output import Output
from sidestep_tui.config.base import Section
from sidestep_tui.config.label import LabelSettings
from sidestep_tui.dataset.analysis.by_essentia import check_installed
from sidestep_tui.dataset.fields import fields_named
from sidestep_tui.dataset.label import check_fields
from sidestep_tui.dataset.proposals import Proposals
from sidestep_tui.dataset.providers.catalogue import PROVIDERS, open_provider
from sidestep_tui.dataset.providers.run import fields_of
from sidestep_tui.runs.directory import RunDirectory


def _check(settings: Section) -> None:
    """A source that cannot be asked, or not for these fields, would fail in the background.

    Raises:
        UsageError: a field is none that songs have or that the source fills, or no model is named.
        SidestepError: a provider has no key, or the analyser is not installed.
    """
    assert isinstance(settings, LabelSettings)
    fields = fields_named(settings.fields)
    settings.check_models(fields)
    if settings.by == "sound":
        check_fields(fields)
    if settings.by == "sound" and settings.analyser == "essentia":
        check_installed()
    if settings.by in PROVIDERS:
        provider = open_provider(settings.by, base_url=settings.base_url, model=settings.model_name)
        fields_of(provider, fields or provider.fields)


def _show(run: RunDirectory, out: Output) -> None:
    """Nothing is in the data set yet, and training would not see it."""
    if Proposals(run.path).waiting():
        dataset = shlex.quote(str(run.settings().model_dump()["dataset"]))
        out.say(f"`sidestep dataset review {dataset}` takes over what was found; until then the data set lacks it.")


configure = JobVerb("label", "dataset", show=_show, check=_check).configure
