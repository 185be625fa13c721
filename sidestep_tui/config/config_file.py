"""Config files: a settings document as JSON, or the `config.json` of a run, which holds one."""

import json
from pathlib import Path
from typing import Any

from sidestep_tui.config.base import Section
from sidestep_tui.config.jobs import JOBS
from sidestep_tui.config.places import expanded
from sidestep_tui.errors import UsageError


def read_config_file(path: Path, schema: type[Section]) -> dict[str, Any]:
    """The partial, nested settings of a config file.

    Args:
        path: the file.
        schema: what the settings are for; those of a run go with its own job, and a preflight's with training.

    Raises:
        UsageError: it cannot be read, holds no settings, or is that of a run of another job.
    """
    try:
        document = json.loads(expanded(path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"The config file cannot be read: {reason}.", where=path, fix="give a JSON file") from error
    settings = document.get("settings", document) if isinstance(document, dict) else None
    if not isinstance(settings, dict):
        raise UsageError("The config file holds no settings.", where=path, fix="give an object such as a preset's")
    job = document.get("job")
    own = next((known for name, known in JOBS.items() if name == job), schema)
    if not (issubclass(own, schema) or issubclass(schema, own)):
        raise UsageError(f"This is the config file of a run of another kind: {job}.", where=path, fix="choose another")
    return settings
