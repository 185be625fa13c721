"""What the queue's screen says of the queue, and of the chains that work beside it. Pure."""

from typing import Final

from textual.content import Content

from sidestep_tui.runs.chains import Chain
from sidestep_tui.runs.queue import Queue
from sidestep_tui.texts import _, ngettext
from sidestep_tui.tui.text import clean, shorten
from sidestep_tui.tui.words import word

_LONGEST_NAME: Final = 20


def told_queue(queue: Queue, working: bool, waits_for: str) -> Content:
    """What the queue does, what it does after a failure, and in a line of its own what it waits for.

    Args:
        queue: as its file has it.
        working: whether a process is at it.
        waits_for: the name of the run that has the device which the next run needs; empty where none has.
    """
    does, colour = (_("paused"), "warning") if queue.paused else (_("working"), "success")
    waits_line = ""
    if not queue.paused and not working:
        does, colour = _("idle"), "text-muted"
    elif not queue.paused and waits_for:
        does = _("waiting")
        name = shorten(clean(waits_for), _LONGEST_NAME)
        waits_line = "\n" + _("  It starts the next run when {name} leaves the device.").format(name=name)
    after = _("goes on with the next") if queue.skip_failures else _("ends")
    return Content.assemble(
        (_("  The queue is {standing}").format(standing=does), f"bold ${colour}"),
        _("   After a failure it {after}.").format(after=after),
        waits_line,
    )


def told_chain(chain: Chain) -> Content:
    """`A chain is at work beside it: tune-preprocess   1 run waits for that.`, in one line."""
    first, waiting = chain.left[0], len(chain.left) - 1
    name = shorten(clean(first.run.name), _LONGEST_NAME)
    if chain.kept_by:
        other = shorten(clean(chain.kept_by[0].name), _LONGEST_NAME)
        head = _("A chain waits for {other}, then starts {name}").format(name=name, other=other)
        return Content.styled(f"  {head}", "bold $success")
    if chain.working:
        head = _("A chain is at work beside it: {name}").format(name=name)
        more = ngettext("   {count} run waits for that.", "   {count} runs wait for that.", waiting)
        colour = "success"
    else:
        condition = word(first.condition)
        head = _("A chain ended at {name}, {condition}: r goes on").format(name=name, condition=condition)
        more = ngettext("   {count} run waits.", "   {count} runs wait.", waiting)
        colour = "warning"
    return Content.assemble((f"  {head}", f"bold ${colour}"), more.format(count=waiting) if waiting else "")
