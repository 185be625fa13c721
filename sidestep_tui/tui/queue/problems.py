"""Queued runs that nothing can work on, because they are damaged or gone: which, why, and where. Pure."""

from collections.abc import Mapping

from textual.content import Content

from sidestep_tui.config.places import runs_home
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import RunSummary
from sidestep_tui.runs.queue import Queue
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.text import clean


def problems(
    queue: Queue, summaries: list[RunSummary], unreadable: Mapping[RunDirectory, SidestepError]
) -> dict[RunDirectory, SidestepError]:
    """What is wrong with the queued runs that cannot be read, in their order.

    Args:
        queue: the queue.
        summaries: all runs that can be read.
        unreadable: why others cannot be, as `RunCatalog` has found it.
    """
    readable = {summary.run for summary in summaries}
    return {run: unreadable.get(run) or _gone(run) for run in queue.runs if run not in readable}


def in_short(found: Mapping[RunDirectory, SidestepError]) -> Content:
    """The first of them in a line or two, and how many more there are."""
    run, error = next(iter(found.items()))
    more = _(" ({count} more)").format(count=len(found) - 1) if len(found) > 1 else ""
    name = _("{name} cannot be read: {reason}").format(name=clean(run.name), reason=clean(spoken(error.what)))
    where = _("Where: {where}").format(where=clean(error.where)) if error.where else ""
    return Content.assemble((f" ! {name}{more}", "$text-warning"), (f"\n   {where}" if where else "", "$text-muted"))


def _gone(run: RunDirectory) -> SidestepError:
    where = None if run.path.parent == runs_home() else run.path  # in the usual place the name says it
    return SidestepError(_("the folder is gone, or holds no run"), where=where, fix=_("d takes it out of the queue"))
