"""Flags to settings: text arrives as it was typed, lists and empty values as the reference says."""

import json
import re

import pytest

from sidestep_tui.cli.inputs import check_inputs
from sidestep_tui.cli.parser import Parser
from sidestep_tui.cli.settings import SettingFlags, add_layer_flags, given_layers
from sidestep_tui.config.fields import look_up
from sidestep_tui.config.generate import GenerateSettings
from sidestep_tui.config.layers import Layer, resolve
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.errors import UsageError
from sidestep_tui.runs.directory import create_run

GENERATE = ("--model", "m", "--output", "o.wav", "--prompt", "p")


def given(model, *arguments, positional=None):
    parser = Parser(prog="sidestep")
    flags = SettingFlags(model, parser, positional)
    return flags.given(parser.parse_args([str(argument) for argument in arguments]))


@pytest.mark.parametrize(
    "text",
    [
        "none",
        "null",
        "[Instrumental]",
        "[Verse]\nla, la\n[Chorus]",
        '{"a": 1}',
        "1e5",
        "true",
        "a,b",
        "'q' \"q\"",
        "",
        " x ",
    ],
)
def test_text_arrives_as_it_was_typed(text):
    settings = resolve(GenerateSettings, [Layer("flags", given(GenerateSettings, *GENERATE, f"--lyrics={text}"))])
    assert settings.lyrics == text


@pytest.mark.parametrize(
    ("flag", "default"),
    [
        ("--rank", "default: 64 (lora), 64 (dora), 64 (lokr), 32 (loha))"),
        ("--alpha", "default: from the rank)"),
        ("--adapter.dropout", "default: 0)"),
    ],
)
def test_help_tells_the_default_once_where_all_families_have_the_same(flag, default):
    parser = Parser(prog="sidestep")
    SettingFlags(TrainSettings, parser)
    told = re.search(rf" {flag} [NX] (.*?) --", " ".join(parser.format_help().split()))
    assert told is not None
    assert told[1].endswith(default)


def test_nothing_given_is_an_empty_document():
    assert given(TrainSettings) == {}


def test_a_positional_argument_and_its_flag_are_the_same_setting():
    by_place = given(TrainSettings, "t", positional="data.tensors")
    by_flag = given(TrainSettings, "--data.tensors", "t", positional="data.tensors")
    assert by_place == by_flag == {"data": {"tensors": "t"}}


@pytest.mark.parametrize(
    ("arguments", "path", "value"),
    [
        (("--data.crop_seconds", "none"), "data.crop_seconds", None),
        (("--max-steps=none",), "training.max_steps", None),
        (("--adapter.targets.projections", "q,v"), "adapter.targets.projections", ["q", "v"]),
        (("--adapter.targets.projections", "q"), "adapter.targets.projections", ["q"]),
        (("--adapter.targets.modules", "none"), "adapter.targets.modules", None),
        (
            ("--adapter.targets.modules", "layers.0.self_attn.q_proj,layers.1.cross_attn.k_proj"),
            "adapter.targets.modules",
            ["layers.0.self_attn.q_proj", "layers.1.cross_attn.k_proj"],
        ),
        (
            ("--adapter.targets.modules", "1,true", "--adapter.targets.modules", "null"),
            "adapter.targets.modules",
            ["1", "true", "null"],
        ),
        (("--adapter.targets.modules", '"a, b", c'), "adapter.targets.modules", ["a, b", "c"]),
        (("--adapter.targets.modules", '["a, \\"b\\"", "none"]'), "adapter.targets.modules", ['a, "b"', "none"]),
        (("--adapter.targets.modules", "[x"), "adapter.targets.modules", ["[x"]),
        (("--memory.checkpointing", "none"), "memory.checkpointing", "none"),
        (("--adapter.targets.mlp",), "adapter.targets.mlp", True),
        (("--no-adapter.targets.mlp",), "adapter.targets.mlp", False),
        (("--adapter.targets.layers", "0-3,7"), "adapter.targets.layers", "0-3,7"),
    ],
)
def test_values_are_read_as_the_reference_says(arguments, path, value):
    assert look_up(given(TrainSettings, *arguments), path, "missing") == value


@pytest.mark.parametrize("family", ["lora", "dora", "lokr", "loha", "oft"])
def test_every_family_is_reached_through_its_flag(family):
    document = given(TrainSettings, "t", "--model", "m", "--adapter.family", family, positional="data.tensors")
    assert resolve(TrainSettings, [Layer("flags", document)]).adapter.family == family


def test_adapters_are_given_one_by_one_or_as_a_list():
    flags = (
        "--adapter",
        "a",
        "--adapter_scale",
        "-0.5",
        "--adapters",
        "b=0.25",
        "--adapters",
        "c,d=-1",
        "--adapters",
        '{"path": "e", "scale": 2}',
    )
    settings = resolve(GenerateSettings, [Layer("flags", given(GenerateSettings, *GENERATE, *flags))])
    stacked = [(str(one.path), one.scale) for one in settings.all_adapters()]
    assert stacked == [("a", -0.5), ("b", 0.25), ("c", 1), ("d", -1), ("e", 2)]


def test_a_path_in_a_list_is_checked_and_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("m", "b"):
        (tmp_path / name).mkdir()
    settings = resolve(GenerateSettings, [Layer("flags", given(GenerateSettings, *GENERATE, "--adapters", "b=0.5"))])
    check_inputs(settings)
    stored = create_run(tmp_path / "run", "generate", settings).settings()
    assert stored.adapters[0].path == tmp_path / "b"
    (tmp_path / "b").rmdir()
    with pytest.raises(UsageError, match="nothing at this path"):
        check_inputs(settings)


@pytest.mark.parametrize(
    "words", [("--memory.compile", "true"), ("--no-memory.compile", "OFF"), ("--memory.compile=1",)]
)
def test_a_switch_with_a_value_is_refused_instead_of_taking_it_for_a_folder(words):
    with pytest.raises(UsageError, match="takes no value") as caught:
        given(TrainSettings, *words, positional="data.tensors")
    assert caught.value.fix == "--memory.compile switches it on, --no-memory.compile off"


def test_a_switch_before_the_argument_without_a_flag_leaves_it_alone():
    document = given(TrainSettings, "--memory.compile", "songs", positional="data.tensors")
    assert look_up(document, "memory.compile") is True
    assert str(look_up(document, "data.tensors")) == "songs"


@pytest.mark.parametrize(
    ("job", "model", "taken"),
    [("train", TrainSettings, True), ("train", GenerateSettings, False), ("preflight", TrainSettings, True)],
)
def test_the_config_file_of_a_run_goes_with_its_own_job(tmp_path, job, model, taken):
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"job": job, "settings": {"model": {"checkpoint": "m"}}}), encoding="utf-8")
    parser = Parser(prog="sidestep")
    flags = SettingFlags(model, parser)
    add_layer_flags(parser, presets=False)
    options = parser.parse_args(["--config", str(file)])
    if taken:
        assert given_layers(flags, options)[0].document == {"model": {"checkpoint": "m"}}
    else:
        with pytest.raises(UsageError, match="of another kind: train"):
            given_layers(flags, options)
