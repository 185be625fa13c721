"""The job `label`: fills what is missing in a data set, song by song, into proposals that a session takes over.

Every answer is on the disk before the next song begins, so an interrupted run continues with what is left.
Keys of providers come from the environment or their file, never from the run's settings.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from sidestep_tui.config.label import LabelSettings
from sidestep_tui.dataset.edits import Edit, apply_edits
from sidestep_tui.dataset.fields import field_named
from sidestep_tui.dataset.label import ANALYSERS, LABEL_FIELDS, UNREADABLE, label_dataset
from sidestep_tui.dataset.label_measures import MeasureCache
from sidestep_tui.dataset.proposals import Proposals, still_missing
from sidestep_tui.dataset.providers.base import Provider, Usage
from sidestep_tui.dataset.providers.catalogue import PROVIDERS, open_provider
from sidestep_tui.dataset.providers.run import label_with_provider
from sidestep_tui.dataset.session import load_dataset
from sidestep_tui.dataset.song import Dataset, Finding
from sidestep_tui.engine.context import JobContext, Results
from sidestep_tui.errors import SidestepError
from sidestep_tui.told import told_many


@dataclass(frozen=True, slots=True)
class _Answer:
    key: str
    edit: Edit | None
    findings: tuple[Finding, ...]
    usage: Usage = field(default_factory=Usage)


def run(context: JobContext, settings: LabelSettings) -> Results:
    """Labels the songs.

    Raises:
        SidestepError: the data set, the provider or a model cannot be used, or five songs in a row failed.
        StopRequestedError: on request, between two songs.
    """
    context.phase("reading the data set", subject=str(settings.dataset))
    dataset = load_dataset(settings.dataset)
    proposals = Proposals(context.run.path)
    # What an earlier life of the run was told counts as said; what a second model was to add is still missing.
    dataset = apply_edits(dataset, still_missing(dataset, proposals.all()))
    keys = _chosen(context, dataset, settings)
    context.phase(
        "labelling", told_many("{count} song by {source}", "{count} songs by {source}", len(keys), source=settings.by)
    )
    filled = failed = 0
    total = [len(keys)]
    usage = Usage()
    for done, answer in enumerate(_answers(context, dataset, settings, keys, total), start=1):
        if answer.edit is not None:
            proposals.add(answer.edit)
            filled += 1
        for finding in answer.findings:
            context.warn(f"{answer.key}: {finding.message}", answer.key, str(finding.fix or ""))
        failed += any(finding.code in (UNREADABLE, "provider-failed") for finding in answer.findings)
        usage += answer.usage
        context.progress(done, total[0], "songs", answer.key, failed)
        context.stop_if_requested()
    asked = usage.as_dict() if usage.requests else {}
    return {"songs": total[0], "labelled": filled, "failed": failed, **asked}


def _chosen(context: JobContext, dataset: Dataset, settings: LabelSettings) -> list[str]:
    """The songs that are asked for, all without a choice.

    Raises:
        SidestepError: none of them is in the data set.
    """
    known = dataset.by_key()
    missing = [key for key in settings.songs if key not in known]
    if missing and len(missing) == len(settings.songs):
        raise SidestepError(
            "There is no such song in the data set.", where=missing[0], fix="see `sidestep dataset scan`"
        )
    for key in missing:
        context.warn("There is no such song in the data set.", key, "see `sidestep dataset scan`")
    return [key for key in known if not settings.songs or key in settings.songs]


def _answers(
    context: JobContext, dataset: Dataset, settings: LabelSettings, keys: list[str], total: list[int]
) -> Iterator[_Answer]:
    """One answer after another; `total` becomes the number of songs that are asked about."""
    named = tuple(one.name if (one := field_named(name)) is not None else name for name in settings.fields)
    if settings.by == "sound":
        fields = named or LABEL_FIELDS
        for labels in label_dataset(
            dataset, fields, ANALYSERS[settings.analyser], keys=keys, measures=MeasureCache(),
            analyser_name=settings.analyser,
        ):  # fmt: skip
            told = tuple(one for one in labels.findings if one.code in (UNREADABLE, "heard-in-part"))
            yield _Answer(labels.key, labels.edit, told)
        return

    total[0] = 0
    for provider in _providers(context, settings, named):
        wanted = [name for name in named or sorted(provider.fields) if name in provider.fields]
        count = partial(_count, total, total[0])
        for given in label_with_provider(dataset, provider, wanted or named, count, keys=keys):
            yield _Answer(given.key, given.edit, given.findings, given.usage)


def _count(total: list[int], before: int, _done: int, asked: int) -> None:
    """The songs that one provider is asked about, beside those of the providers before it."""
    total[0] = before + asked


def _providers(context: JobContext, settings: LabelSettings, named: tuple[str, ...]) -> Iterator[Provider]:
    """Whom to ask, one after another: of local models one is in memory at a time."""
    if settings.by in PROVIDERS:
        yield open_provider(
            settings.by,
            base_url=settings.base_url,
            model=settings.model_name,
            requests_per_minute=settings.per_minute,
        )
        return
    from sidestep_tui.engine.labelling.models import local_models

    yield from local_models(context, settings, named)
