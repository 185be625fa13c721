"""What commands leave on disk."""

import json


def settings_of(path):
    return json.loads((path / "config.json").read_text())["settings"]
