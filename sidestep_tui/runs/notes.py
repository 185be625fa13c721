"""A note on a run: what a person wants to remember about it, one small text file in its directory."""

from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.files import write_text_atomic
from sidestep_tui.runs.directory import RunDirectory

_MOST_CHARACTERS = 2000


def read_note(run: RunDirectory) -> str:
    """The note, empty where there is none or it cannot be read."""
    try:
        return (run.path / "note.txt").read_text(encoding="utf-8", errors="replace")[:_MOST_CHARACTERS].strip()
    except OSError:
        return ""


def write_note(run: RunDirectory, text: str) -> None:
    """Replaces the note; an empty one is taken away.

    Raises:
        UsageError: the text is too long.
        SidestepError: the run is gone, or it cannot be written.
    """
    text = text.strip()
    if not run.exists():  # to write into it would make the folder anew, and its name could not be used for a run
        raise SidestepError("This is not a run.", where=run.path, fix="`sidestep runs list` shows the runs")
    if len(text) > _MOST_CHARACTERS:
        raise UsageError("The note is too long.", where=run.path, fix=f"at most {_MOST_CHARACTERS} characters")
    if text:
        write_text_atomic(run.path / "note.txt", text + "\n")
    else:
        (run.path / "note.txt").unlink(missing_ok=True)
