"""How many tokens a song's prompts are for a model: asked of `sidestep dataset check` in a process of its own.

Only the model's side has the tokenizer. The command applies the unsaved edits from the journal, and its counts are kept
by the prompt's text, so a count is shown for exactly the words that it was made from or not at all.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sidestep_tui.dataset.song import Dataset
from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _

_LONGEST_WAIT = 600


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Of one prompt."""

    tokens: int
    cut: bool
    """The model does not read all of it."""


def count_tokens(dataset: Dataset, model: Path) -> dict[str, TokenCount]:
    """Counts the tokens of every prompt of a data set. Takes several seconds: call it in a thread.

    Returns:
        Counts by the prompt's text.

    Raises:
        SidestepError: the model has no tokenizer, or the data set cannot be read any more.
    """
    path = dataset.saved.path if dataset.saved is not None else dataset.root
    command = [sys.executable, "-m", "sidestep_tui.cli.main", "dataset", "check", str(path)]
    command += ["--prompts", "--no-sound", "--model", str(model), "--json"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LONGEST_WAIT, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SidestepError(f"The tokens could not be counted: {error}.", where=model) from error
    try:
        return _read(json.loads(done.stdout))
    except (ValueError, KeyError, TypeError) as error:
        raise _failed(done.stderr, model) from error


def _read(document: Mapping[str, Any]) -> dict[str, TokenCount]:
    counts: dict[str, TokenCount] = {}
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
