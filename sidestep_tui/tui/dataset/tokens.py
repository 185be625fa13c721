"""How many tokens a song's prompts are for a model: asked of `sidestep dataset check` in a process of its own.

Only the model's side has the tokenizer. The command applies the unsaved edits from the journal, and its counts are kept
by the prompt's text, so a count is shown for exactly the words that it was made from or not at all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sidestep_tui.dataset.song import Dataset
from sidestep_tui.texts import _
from sidestep_tui.tui.programs import command_json

_LONGEST_WAIT: Final = 600.0


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Of one prompt."""

    tokens: int
    cut: bool
    """The model does not read all of it."""


Counts = dict[str, TokenCount]
"""By the prompt's text."""


def count_tokens(dataset: Dataset, model: Path, *, is_wanted: Callable[[], bool] = lambda: True) -> Counts:
    """Counts the tokens of every prompt of a data set. Takes several seconds: call it in a thread.

    Args:
        dataset: the songs.
        model: the model folder.
        is_wanted: asked now and then; the process is ended where nobody waits for it any more.

    Returns:
        Counts by the prompt's text; none where they are not wanted any more.

    Raises:
        SidestepError: the model has no tokenizer, or the data set cannot be read any more.
    """
    words = ["dataset", "check", str(dataset.place.absolute()), "--prompts", "--no-sound"]
    words += ["--model", str(model.absolute())]
    fix = _("see `sidestep models inspect`")
    document = command_json(*words, where=model, fix=fix, seconds=_LONGEST_WAIT, is_wanted=is_wanted) or {}
    counts: Counts = {}
    for prompt in document.get("prompts", ()):
        counts[prompt["text"]] = TokenCount(prompt["text_tokens"], prompt["text_cut"])
        counts[prompt["lyrics"]] = TokenCount(prompt["lyric_tokens"], prompt["lyrics_cut"])
    return counts
