"""docs/reference is generated; this fails when a setting changed and `sidestep docs` was not run."""

import json
from pathlib import Path

from sidestep_tui.cli.main import main
from sidestep_tui.config.jobs import JOBS
from sidestep_tui.config.train import TrainSettings

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def test_the_reference_is_current(tmp_path):
    assert main(["docs", str(tmp_path), "--json"]) == 0
    fresh = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    kept = {name: (REFERENCE / name).read_text(encoding="utf-8") for name in fresh}
    assert kept == fresh, "run `sidestep docs`"


def test_there_is_a_schema_for_every_job():
    for job in JOBS:
        schema = json.loads((REFERENCE / f"{job}.schema.json").read_text(encoding="utf-8"))
        assert schema["type"] == "object"
        assert schema["additionalProperties"] is False


def test_the_train_schema_knows_every_family():
    families = TrainSettings.model_json_schema()["properties"]["adapter"]["oneOf"]
    assert len(families) == 5
