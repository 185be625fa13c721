"""Reads the beliefs of guessed fields back from a saved data set or a journal."""

from typing import Any

from sidestep_tui.dataset.fields import FIELDS
from sidestep_tui.dataset.song import Belief


def read_beliefs(written: Any) -> dict[str, Belief]:
    """Field name to belief, leaving out what is damaged; nothing for anything but a mapping."""
    if not isinstance(written, dict):
        return {}
    read = {name: _read(one) for name, one in written.items() if name in FIELDS}
    return {name: belief for name, belief in read.items() if belief is not None}


def _read(written: Any) -> Belief | None:
    if not isinstance(written, dict) or not isinstance(by := written.get("by"), str):
        return None
    confidence, second = written.get("confidence"), written.get("second")
    if not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
        confidence = None
    return Belief(by, confidence, second if isinstance(second, str) else None)
