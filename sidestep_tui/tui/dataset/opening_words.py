"""What the opening of a data set says: how far its reading is, and why it cannot be read. Pure."""

from textual.content import Content

from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _, ngettext
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.figures import count
from sidestep_tui.tui.outline import bar
from sidestep_tui.tui.text import clean


def reading(done: int, total: int, *, width: int) -> Content:
    """How far the reading is."""
    if not total:
        return Content.styled(_("Looking for songs …"), "bold")
    if done >= total:
        files = ngettext("{total} audio file", "{total} audio files", total).format(total=count(total))
        return Content.assemble((files, "bold"), _("\n\nReading what lies beside them …"))
    full, rest = bar(done / total, width)
    told = ngettext("{done} of {total} audio file", "{done} of {total} audio files", total)
    figures = told.format(done=count(done), total=count(total))
    return Content.assemble(
        (_("Reading songs …"), "bold"), "\n\n", (full, "$primary"), (rest, "$text-muted"), f"\n{figures}"
    )


def refusal(error: SidestepError) -> Content:
    """Why there is nothing to review, where, and what helps."""
    parts: list[str | tuple[str, str]] = [(clean(spoken(error.what)), "bold $text-error")]
    if error.where:
        parts += ["\n\n", (_("where  "), "$text-muted"), clean(error.where)]
    if error.fix:
        parts += ["\n", (_("fix    "), "$text-muted"), clean(spoken(error.fix))]
    parts += ["\n\n", ("o", "bold $footer-key-foreground"), _(" another folder    ")]
    parts += [("r", "bold $footer-key-foreground"), _(" try again")]
    return Content.assemble(*parts)
