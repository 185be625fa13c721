"""What commands leave on disk, and what a conversation gives."""

import json
from collections.abc import Callable

from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.wizard.state import WizardState

Talk = Callable[..., tuple[WizardState, list[str], RunDirectory | None]]
"""Gives the answers to the line-by-line wizard, and what came of them: state, lines and run."""


def settings_of(path):
    return json.loads((path / "config.json").read_text())["settings"]
