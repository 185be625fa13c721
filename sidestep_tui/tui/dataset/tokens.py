"""How many tokens a song's prompts are for a model: asked of `sidestep dataset check` in a process of its own.

Only the model's side has the tokenizer. The command applies the unsaved edits from the journal, and its counts are kept
by the prompt's text, so a count is shown for exactly the words that it was made from or not at all.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sidestep_tui.dataset.song import Dataset
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.detached import environment
from sidestep_tui.texts import _
from sidestep_tui.tui.dataset.labelling import dataset_path

_LONGEST_WAIT: Final = 600.0
_LOOKS_EVERY: Final = 0.2


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
    command = [sys.executable, "-m", "sidestep_tui.cli.main", "dataset", "check", str(dataset_path(dataset))]
    command += ["--prompts", "--no-sound", "--model", str(model.absolute()), "--json"]
    try:
        said = _said(command, is_wanted)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SidestepError(f"The tokens could not be counted: {error}.", where=model) from error
    if said is None:
        return {}
    try:
        return _read(json.loads(said[0]))
    except (ValueError, KeyError, TypeError) as error:
        raise _failed(said[1], model) from error


def _said(command: list[str], is_wanted: Callable[[], bool]) -> tuple[str, str] | None:
    """What a process of this package has printed, and complained of; None where nobody waited for its end."""
    pipe, none = subprocess.PIPE, subprocess.DEVNULL
    deadline = time.monotonic() + _LONGEST_WAIT
    with subprocess.Popen(command, stdin=none, stdout=pipe, stderr=pipe, text=True, env=environment()) as process:
        while True:
            try:
                return process.communicate(timeout=_LOOKS_EVERY)
            except subprocess.TimeoutExpired:
                wanted = is_wanted()
                if not wanted or time.monotonic() > deadline:
                    process.kill()
                    if not wanted:
                        return None
                    raise


def _read(document: Mapping[str, Any]) -> Counts:
    counts: Counts = {}
    for prompt in document["prompts"]:
        counts[prompt["text"]] = TokenCount(int(prompt["text_tokens"]), bool(prompt["text_cut"]))
        counts[prompt["lyrics"]] = TokenCount(int(prompt["lyric_tokens"]), bool(prompt["lyrics_cut"]))
    return counts


def _failed(errors: str, model: Path) -> SidestepError:
    """The command's own words: one JSON document on the last line, or plain text."""
    last = errors.strip().rpartition("\n")[2]
    try:
        said = json.loads(last)
        return SidestepError(str(said["error"]), where=said.get("where"), fix=said.get("fix"))
    except (ValueError, KeyError, TypeError):
        return SidestepError(
            "The tokens could not be counted.", where=model, fix=last or _("see `sidestep models inspect`")
        )
