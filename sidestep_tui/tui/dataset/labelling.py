"""Labelling runs of a data set: which can be started, what they need, and what they have found. No Textual here."""

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, get_args

from sidestep_tui.config.label import MODEL_FIELDS, LabelSettings, LabelSource, ModelRole
from sidestep_tui.config.places import free_path, model_homes, runs_home
from sidestep_tui.dataset import DATASET_FILE
from sidestep_tui.dataset.edits import Edit
from sidestep_tui.dataset.label import LABEL_FIELDS
from sidestep_tui.dataset.proposals import Proposals
from sidestep_tui.dataset.providers.catalogue import PROVIDERS
from sidestep_tui.dataset.providers.keys import find_key, keys_file
from sidestep_tui.dataset.song import Dataset
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.directory import RunDirectory, create_run
from sidestep_tui.runs.history import RunSummary, run_folders
from sidestep_tui.texts import _
from sidestep_tui.tui.follow import RunFollower

FIELDS_OF: Final = {
    "sound": LABEL_FIELDS,
    "gemini": ("caption", "genre", "lyrics", "language"),
    "openai": ("caption", "genre", "lyrics", "language"),
    "whisper": ("lyrics", "language"),
    "scribe": ("lyrics", "language"),
    "lrclib": ("lyrics",),
    "acestep": MODEL_FIELDS["lm"],
    "local": (*MODEL_FIELDS["captioner"], *MODEL_FIELDS["transcriber"]),
}
"""What each source can fill, in the order in which it is offered."""
TITLES: Final = {
    "sound": _("Sound"),
    "gemini": "Gemini",
    "openai": "OpenAI",
    "whisper": "Whisper",
    "scribe": "Scribe",
    "lrclib": "LRCLIB",
    "acestep": "5Hz LM",
    "local": _("Local"),
}
"""What people call each source."""
_LANGUAGE_MODELS: Final = "acestep-5Hz-lm-*/"
SOURCES: Final[tuple[LabelSource, ...]] = get_args(LabelSource)


def source_note(source: str) -> str:
    """What a source fills and whether it can be asked now."""
    if source == "sound":
        return _("tempo, key, metre, language; offline")
    if source == "acestep":
        return _("captions, genres by acestep-5Hz-lm; offline")
    if source == "local":
        return _("captions, lyrics by ACE-Step's own models; offline")
    return f"{', '.join(FIELDS_OF[source])}; {key_note(source)}"


@dataclass(frozen=True, slots=True)
class ModelQuestion:
    """A folder that a source needs: which setting it becomes, how it is asked for, and what is probably meant."""

    setting: str
    title: str
    note: str
    usual: str = ""


def model_questions(settings: LabelSettings) -> Iterator[ModelQuestion]:
    """Which folders must be known before a run with models of this machine can start."""
    if settings.by == "acestep":
        found = (path for home in model_homes() for path in home.glob(_LANGUAGE_MODELS))
        here = max(found, key=lambda path: path.name, default=None)
        usual = "" if here is None else str(here)
        yield ModelQuestion("lm", _("The language model"), _("the folder of acestep-5Hz-lm-1.7B or another"), usual)
        yield ModelQuestion("codec", _("The model that it hears with"), _("empty takes one that lies beside it"))
        return
    roles: tuple[ModelRole, ...] = ("captioner", "transcriber")
    for role in roles:
        if not settings.fields or not set(settings.fields).isdisjoint(MODEL_FIELDS[role]):
            note = _("the folder of ACE-Step/acestep-{role}; empty leaves it out").format(role=role)
            yield ModelQuestion(role, _("The {role}").format(role=role), note)


def key_note(source: str) -> str:
    """Whether the key of a provider is there; never the key."""
    variable = PROVIDERS[source].key_variable
    if variable is None:
        return _("no key needed")
    try:
        return _("key found") if find_key(variable) else _("no {variable}").format(variable=variable)
    except SidestepError:
        return _("{name} cannot be used").format(name=keys_file().name)


def prepare(dataset: Dataset, source: LabelSource, fields: Collection[str], keys: Collection[str]) -> LabelSettings:
    """The settings of a run on these songs; all of them are written as none, so that the file stays small."""
    chosen = () if len(keys) == len(dataset.songs) else tuple(keys)
    return LabelSettings(dataset=dataset.place.absolute(), by=source, fields=tuple(fields), songs=chosen)


def make_run(settings: LabelSettings) -> RunDirectory:
    """A new run among the user's own; start it in a thread.

    Raises:
        SidestepError: it cannot be written.
    """
    place = runs_home() / f"label-{settings.by}-{time.strftime('%Y%m%d-%H%M%S')}"
    return create_run(free_path(place), "label", settings)


@dataclass
class LabelRun:
    """A run that the review follows. For one thread at a time."""

    run: RunDirectory

    def __post_init__(self) -> None:
        self._follower = RunFollower(self.run)
        self._proposals = Proposals(self.run.path)

    def poll(self) -> tuple[RunSummary, list[Edit]]:
        """The run now, and what it has found that nobody has taken yet."""
        summary = self._follower.poll()  # first: what the run says to be done is on the disk by then
        return summary, self._proposals.waiting()

    def take(self, count: int) -> None:
        """Remembers that so many more proposals are in the session's journal.

        Raises:
            SidestepError: it cannot be written.
        """
        self._proposals.take(count)


def open_runs(dataset: Dataset) -> list[LabelRun]:
    """The runs on this data set that still work or hold what nobody has taken, the oldest first.

    Those on its folder count for what was saved there meanwhile, and the other way round: the songs are the same.
    """
    found, root = [], dataset.root
    paths = {path.resolve() for path in (dataset.place, root, root / DATASET_FILE)}
    for folder in run_folders():
        run = RunDirectory(folder)
        try:
            if run.job() != "label" or run.settings().model_dump()["dataset"].resolve() not in paths:
                continue
            if run.alive() or Proposals(folder).waiting():
                found.append((run.created_at(), LabelRun(run)))
        except (SidestepError, OSError):  # a stray folder among the runs
            continue
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]
