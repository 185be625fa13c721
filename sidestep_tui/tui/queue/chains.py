"""What the queue's screen says of a chain, which works beside the queue. Pure."""

from textual.content import Content

from sidestep_tui.runs.history import RunSummary
from sidestep_tui.runs.queue import Queue
from sidestep_tui.texts import _, ngettext
from sidestep_tui.tui.text import clean


def told_chain(chain: Queue, summaries: list[RunSummary]) -> Content:
    """`A chain is at work beside it: tune-preprocess   1 run waits for that.`, in one line.

    Args:
        chain: one that is at work.
        summaries: all runs that can be read.
    """
    completed = {summary.run for summary in summaries if summary.condition == "completed"}
    left = [run for run in chain.runs if run not in completed] or chain.runs[-1:]
    head = _("A chain is at work beside it: {name}").format(name=clean(left[0].name))
    waiting = len(left) - 1
    more = ngettext("   {count} run waits for that.", "   {count} runs wait for that.", waiting).format(count=waiting)
    return Content.assemble((f"  {head}", "bold $success"), more if waiting else "")
