"""Secrets of providers: from the environment, else from a file that only its owner can read. Never shown or logged."""

import json
import os
import stat
from pathlib import Path

from pydantic import SecretStr

from sidestep_tui.config.places import data_home
from sidestep_tui.errors import SidestepError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def keys_file() -> Path:
    """Where keys lie: a JSON object of environment names to keys."""
    return data_home() / "provider-keys.json"


def find_key(variable: str) -> SecretStr | None:
    """The key that an environment variable or the file has under this name.

    Raises:
        SidestepError: others can read the file, or it is no JSON object of texts.
    """
    given = os.environ.get(variable, "").strip()
    if given:
        return SecretStr(given)
    held = _read(keys_file()).get(variable, "").strip()
    return SecretStr(held) if held else None


def _read(file: Path) -> dict[str, str]:
    try:
        mode = file.stat().st_mode
        if mode & _OTHERS:
            raise SidestepError(
                "Others can read the file of provider keys.",
                where=file,
                fix=f"run `chmod 600 {file}`, and renew the keys",
            )
        document = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SidestepError("The file of provider keys cannot be read.", where=file, fix="write it anew") from error
    if not isinstance(document, dict) or not all(isinstance(one, str) for one in document.values()):
        raise SidestepError("The file of provider keys is no JSON object of texts.", where=file, fix="write it anew")
    return document
