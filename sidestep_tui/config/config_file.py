"""Config files: a settings document as JSON, or the `config.json` of a run, which holds one."""

import json
from pathlib import Path
from typing import Any

from sidestep_tui.errors import UsageError


def read_config_file(path: Path) -> dict[str, Any]:
    """The partial, nested settings of a config file.

    Raises:
        UsageError: it cannot be read, or holds no settings.
    """
    try:
        document = json.loads(path.expanduser().read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"The config file cannot be read: {reason}.", where=path, fix="give a JSON file") from error
    settings = document.get("settings", document) if isinstance(document, dict) else None
    if not isinstance(settings, dict):
        raise UsageError("The config file holds no settings.", where=path, fix="give an object such as a preset's")
    return settings
