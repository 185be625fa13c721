"""The equivalent command line: quoted for a shell, and read back by the real command line to the same settings."""

import argparse
import shlex
from pathlib import Path
from typing import Any

import pytest

from sidestep_tui.cli.parser import Parser
from sidestep_tui.cli.settings import SettingFlags, add_layer_flags, given_layers
from sidestep_tui.config.jobs import JOBS, EstimateSettings, JobName
from sidestep_tui.config.layers import resolve
from sidestep_tui.config.model import ModelSettings
from sidestep_tui.config.presets.shelf import find_preset
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.tui.wizard.command import estimate_command, generate_command, preprocess_command, train_command
from sidestep_tui.tui.wizard.document import WizardDocument

WHOLE = {"model.checkpoint": "/models/turbo", "data.tensors": "/data/my album"}


def read_back(command: str) -> TrainSettings:
    """What `sidestep train` makes of the words."""
    words = shlex.split(command)
    assert words[:2] == ["sidestep", "train"]
    parser: Parser = Parser()
    add_layer_flags(parser, presets=True)
    parser.add_argument("--output", type=Path)
    flags = SettingFlags(TrainSettings, parser, "data.tensors")
    options: argparse.Namespace = parser.parse_args(words[2:])
    return resolve(TrainSettings, given_layers(flags, options))


def test_the_words() -> None:
    document = WizardDocument().set_all({**WHOLE, "optimizer.learning_rate": 3e-4, "adapter.targets.mlp": False})
    assert train_command(document, Path("/runs/a b")) == (
        "sidestep train '/data/my album' --model /models/turbo --output '/runs/a b' "
        "--no-adapter.targets.mlp --optimizer.learning_rate 0.0003"
    )


def test_what_is_missing_stands_as_a_placeholder() -> None:
    assert train_command(WizardDocument(), Path("/r")) == "sidestep train TENSORS --model MODEL --output /r"


def test_encoding_comes_with_its_own_words() -> None:
    words = preprocess_command({"checkpoint": "/m"}, Path("/my songs"), Path("/t"))
    assert words == "sidestep preprocess '/my songs' --model /m --output /t"


def test_what_is_said_of_a_model_goes_to_each_command() -> None:
    """Without its base a fine-tune is refused; without its device another card works."""
    given = {"checkpoint": "/m", "base": "sft", "device": "cuda:1"}
    said = "--model /m --model.base sft --model.device cuda:1"
    assert preprocess_command(given, Path("-songs"), Path("/t")) == (
        f"sidestep preprocess --dataset=-songs {said} --output /t"
    )
    settings = EstimateSettings(model=ModelSettings.model_validate(given), tensors=Path("/t"), output=Path("/t/s.json"))
    assert estimate_command(given, settings) == f"sidestep estimate /t {said} --output /t/s.json --rank 64"
    assert generate_command(given, Path("/r/final"), "a slow waltz") == (
        f"sidestep generate {said} --adapter /r/final --prompt 'a slow waltz' --output song.wav"
    )


GIVEN = {"checkpoint": "/m", "base": "sft", "device": "cpu"}


@pytest.mark.parametrize(
    ("job", "positional", "command"),
    [
        ("preprocess", "dataset", preprocess_command(GIVEN, Path("-s"), Path("/t"))),
        ("generate", None, generate_command(GIVEN, Path("/a"), "-- slow")),
    ],
)
def test_the_other_commands_are_read_back(job: JobName, positional: str | None, command: str) -> None:
    verb, *words = shlex.split(command)[1:]
    assert verb == job
    parser: Parser = Parser()
    add_layer_flags(parser, presets=False)
    flags = SettingFlags(JOBS[job], parser, positional)
    read = resolve(JOBS[job], given_layers(flags, parser.parse_args(words))).model_dump(mode="json")
    assert {name: read["model"][name] for name in GIVEN} == GIVEN
    assert (read.get("dataset"), read.get("prompt")) in (("-s", None), (None, "-- slow"))


def test_a_config_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text('{"adapter": {"rank": 5}}', encoding="utf-8")
    document = WizardDocument().with_file(file).set_all(WHOLE)
    command = train_command(document, Path("/r"))
    assert f"--config {file}" in command
    assert read_back(command) == document.settings()


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"adapter.family": "lokr", "adapter.factor": 8, "adapter.dropout": 0.05},
        {"adapter.targets.projections": ["q", "v"], "adapter.targets.modules": ["layers.0.self_attn.q_proj"]},
        {"schedule.name": "polynomial", "schedule.power": 1.5, "memory.checkpointing": "none"},
        {"data.crop_seconds": 30.0, "data.fresh_latents": False, "training.max_steps": 10},
        {"optimizer.epsilon": 1e-10, "objective.timestep_mu": -0.4, "model.base": "sft"},
    ],
)
def test_the_command_line_reads_the_same_settings(values: dict[str, Any]) -> None:
    document = WizardDocument().set_all({**WHOLE, **values})
    assert document.ready()
    assert read_back(train_command(document, Path("/r"))) == document.settings()


def test_a_preset_goes_by_its_name_and_edits_over_it() -> None:
    preset = find_preset("quick-test", Path("/"))
    document = WizardDocument().set_all({**WHOLE, "data.crop_seconds": None, "adapter.rank": 3}).with_preset(preset)
    document = document.set_all({"data.crop_seconds": None})
    command = train_command(document, Path("/r"))
    assert "--preset quick-test" in command
    assert "--data.crop_seconds none" in command
    assert read_back(command) == document.settings()
