"""An error as people read it: what is wrong, where, and what to do about it, in their language."""

from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken


def in_words(error: SidestepError) -> list[str]:
    """The parts that the error has, one for each line; they may hold text from outside."""
    parts = [
        spoken(error.what),
        _("Where: {where}").format(where=error.where) if error.where else "",
        _("Fix: {fix}").format(fix=spoken(error.fix)) if error.fix else "",
    ]
    return [part for part in parts if part]
