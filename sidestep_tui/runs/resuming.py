"""What an engine that is started again does with a run that was cut off: by what its job keeps on the way."""

from typing import Final, Literal

from sidestep_tui.config.jobs import JobName

WayOn = Literal["checkpoint", "rest", "anew"]

_WAYS: Final[dict[JobName, WayOn]] = {
    "label": "rest",
    "preprocess": "rest",
    "import": "anew",
    "estimate": "rest",
    "preflight": "anew",
    "train": "checkpoint",
    "generate": "rest",
    "export": "anew",
    "verify": "anew",
}


def way_on(job: JobName) -> WayOn:
    """Whether a job continues after its newest checkpoint, goes on with what is left, or begins anew."""
    return _WAYS[job]
