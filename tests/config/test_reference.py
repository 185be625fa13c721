"""docs/reference is generated; this fails when a setting changed and `sidestep docs` was not run."""

import json
import re
from pathlib import Path

from sidestep_tui.cli.main import main
from sidestep_tui.config.jobs import JOBS
from sidestep_tui.config.presets.shelf import shipped
from sidestep_tui.config.train import TrainSettings

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_the_reference_is_current(tmp_path):
    assert main(["docs", str(tmp_path), "--json"]) == 0
    fresh = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    kept = {name: (REFERENCE / name).read_text(encoding="utf-8") for name in fresh}
    assert kept == fresh, "run `sidestep docs`"


def test_every_shipped_preset_stands_there_with_the_figures_that_it_promises():
    lines = (REFERENCE / "presets.md").read_text(encoding="utf-8").splitlines()
    head, _, *rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    models, figures = head[3:5], {row[0].strip("`"): row[3:] for row in rows}
    for preset in shipped():
        promised = {model: gib for gib, model in re.findall(r"(\d+\.\d) GiB on (\w+)", preset.promise)}
        assert figures.pop(preset.name) == [*(promised.get(model, "–") for model in models), "derived"]
    assert figures == {}


def test_there_is_a_schema_for_every_job():
    for job in JOBS:
        schema = json.loads((REFERENCE / f"{job}.schema.json").read_text(encoding="utf-8"))
        assert schema["type"] == "object"
        assert schema["additionalProperties"] is False


def test_the_train_schema_knows_every_family():
    families = TrainSettings.model_json_schema()["properties"]["adapter"]["oneOf"]
    assert len(families) == 5
