"""Which function does which job; each module is imported only when its job runs."""

from importlib import import_module
from typing import Any, Final, Protocol, cast

from sidestep_tui.config.jobs import JobName
from sidestep_tui.engine.context import JobContext, Results


class Job(Protocol):
    """Does the work of one run and gives the figures worth telling."""

    def __call__(self, context: JobContext, settings: Any) -> Results:
        """Raises StopRequestedError when asked to end early, SidestepError when the work cannot be done."""
        ...


_MODULES: Final[dict[JobName, str]] = {
    "label": "sidestep_tui.engine.labelling.job",
    "preprocess": "sidestep_tui.engine.preprocess.job",
    "import": "sidestep_tui.engine.importing.job",
    "estimate": "sidestep_tui.engine.estimate.job",
    "preflight": "sidestep_tui.engine.preflight.job",
    "train": "sidestep_tui.engine.training.job",
    "generate": "sidestep_tui.engine.generate.job",
    "export": "sidestep_tui.engine.export.job",
    "verify": "sidestep_tui.engine.verify",
}


def load_job(name: JobName) -> Job:
    """The function `run(context, settings)` of a job's module."""
    return cast(Job, import_module(_MODULES[name]).run)
