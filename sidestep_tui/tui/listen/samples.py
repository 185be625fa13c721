"""The songs that a run generated, those of one song's prompt together: before training, then step by step. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sidestep_tui.runs.events import SampleWritten
from sidestep_tui.texts import _
from sidestep_tui.tui.figures import count


@dataclass(frozen=True, slots=True)
class Heard:
    """One song. `moment` says which weights made it."""

    path: Path
    name: str
    moment: str
    prompt: str


def heard_in(run: Path, samples: Iterable[SampleWritten]) -> tuple[Heard, ...]:
    """The songs of a run; of a file that was written twice the last.

    Args:
        run: the run's directory.
        samples: its events, in their order.
    """
    newest = {sample.path: sample for sample in samples}
    origins = list(dict.fromkeys(map(_origin, newest.values())))
    ordered = sorted(newest.values(), key=lambda sample: (origins.index(_origin(sample)), sample.step or 0))
    return tuple(
        Heard(path := run / sample.path, path.stem, _moment(sample), " ".join(sample.prompt.split()))
        for sample in ordered
    )


def _origin(sample: SampleWritten) -> tuple[str, int, str]:
    """What the song is made from but for the weights. Songs of one caption differ in what else they are told."""
    return sample.prompt, sample.seed, Path(sample.path).stem


def _moment(sample: SampleWritten) -> str:
    if sample.step is None:
        return ""
    return _("step {step}").format(step=count(sample.step)) if sample.step else _("before training")
