"""Writes the derived figures into the shipped presets: `make docs`, after the arithmetic or a preset changed.

A promise that does not begin with `derived` was measured on a card, and is left alone.
"""

import json

from sidestep_tui.config.presets.promise import derived_promise
from sidestep_tui.config.presets.shelf import shipped, shipped_presets
from sidestep_tui.files import write_json_atomic


def main() -> None:
    """Every shipped preset whose figure is no longer what the arithmetic gives."""
    for preset in shipped():
        promise = derived_promise(preset)
        if preset.promise == promise or (preset.promise and not preset.promise.startswith("derived")):
            continue
        file = shipped_presets() / f"{preset.name}.json"
        document = json.loads(file.read_text(encoding="utf-8"))
        write_json_atomic(file, {**document, "promise": promise})
        print(f"{preset.name}: {promise}")


if __name__ == "__main__":
    main()
