"""The flat list of settings: complete, true to the schema, and the only thing a new setting has to reach."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from sidestep_tui.cli.parser import Parser
from sidestep_tui.cli.reference import settings_reference
from sidestep_tui.cli.settings import SettingFlags
from sidestep_tui.config.adapter import AdapterSettings, LoraSettings
from sidestep_tui.config.base import Section, Shown, When
from sidestep_tui.config.fields import adapter_families, defaults_of, leaves, look_up, put, remove, setting_fields
from sidestep_tui.config.generate import GenerateSettings
from sidestep_tui.config.jobs import JOBS
from sidestep_tui.config.layers import problems_of
from sidestep_tui.config.train import TrainSettings


class Inner(Section):
    """A group."""

    share: Annotated[float, Field(gt=0, le=1), Shown("advanced", unit="of all", short="share")] = 0.5
    """How much."""

    mode: Annotated[Literal["fast", "slow"], Shown()] = "fast"
    """Which way."""

    often: Annotated[int | None, Field(ge=1, lt=9), Shown(when=When("inner.mode", ("slow",)), resumable=True)] = None
    """How often."""


class Document(Section):
    """A document that no other code knows."""

    inner: Inner = Inner()
    adapter: AdapterSettings = LoraSettings()


def test_a_new_setting_reaches_fields_flags_and_help_with_no_other_edit():
    share, mode, often, *_ = setting_fields(Document)
    assert (share.path, share.kind, share.default, share.tier, share.unit) == (
        "inner.share", "number", 0.5, "advanced", "of all",
    )  # fmt: skip
    assert (share.minimum, share.exclusive_minimum, share.maximum, share.exclusive_maximum) == (0, True, 1, False)
    assert (mode.kind, mode.choices, mode.help) == ("choice", ("fast", "slow"), "Which way.")
    assert (often.kind, often.optional, often.resumable) == ("integer", True, True)
    assert (often.minimum, often.maximum, often.exclusive_maximum) == (1, 9, True)

    parser = Parser(prog="new")
    flags = SettingFlags(Document, parser)
    options = parser.parse_args(["--share", "0.25", "--inner.mode", "slow"])
    assert flags.given(options) == {"inner": {"share": "0.25", "mode": "slow"}}
    text = " ".join(parser.format_help().split())
    assert "How much. (> 0, ≤ 1; of all; default: 0.5)" in text
    assert "only when inner.mode is slow" in text


@pytest.mark.parametrize("model", JOBS.values())
def test_every_setting_has_help_and_its_default_is_valid(model):
    for field in setting_fields(model):
        assert field.help.strip(), field.path
        if not field.required:
            family = next((w.values[0] for w in field.when if w.path == "adapter.family"), "lora")
            document = put(defaults_of(model, family), field.path, field.default)
            if model is GenerateSettings:
                document = put(document, "prompt", "a song")  # a prompt, or a file of them, must be given
            told = [problem for problem in problems_of(model, document) if problem.message != "is required"]
            assert told == []


@pytest.mark.parametrize("family", adapter_families())
def test_the_defaults_of_every_family_are_what_the_schema_fills_in(family):
    document = defaults_of(TrainSettings, family)
    document = put(put(document, "model.checkpoint", "model"), "data.tensors", "tensors")
    bare = {"model": {"checkpoint": "model"}, "data": {"tensors": "tensors"}, "adapter": {"family": family}}
    assert TrainSettings.model_validate(document) == TrainSettings.model_validate(bare)


def test_short_names_are_unique_within_a_job():
    for model in JOBS.values():
        by_short = {}
        for field in setting_fields(model):
            if field.short:
                assert by_short.setdefault(field.short, field.path) == field.path


def test_conditions_name_settings_that_exist_and_values_they_can_have():
    for model in JOBS.values():
        by_path = {field.path: field for field in setting_fields(model)}
        for field in by_path.values():
            for when in field.when:
                assert set(when.values) <= {*by_path[when.path].choices, "True", "False"}


def test_a_field_applies_only_under_its_condition():
    often = setting_fields(Document)[2]
    defaults = {"inner": {"mode": "fast"}}
    assert not often.applies({}, defaults)
    assert often.applies({"inner": {"mode": "slow"}}, defaults)


def test_families_have_their_own_fields():
    rank = [field for field in setting_fields(TrainSettings) if field.path == "adapter.rank"]
    assert [field.when[-1].values for field in rank] == [("lora",), ("dora",), ("lokr",), ("loha",)]
    shared = [field for field in setting_fields(TrainSettings) if field.path == "adapter.targets.mlp"]
    assert [field.when for field in shared] == [()]


def test_nested_documents():
    document = put({}, "a.b", 1)
    assert document == {"a": {"b": 1}}
    assert put(document, "a.c", 2) == {"a": {"b": 1, "c": 2}}
    assert document == {"a": {"b": 1}}
    assert look_up(document, "a.b") == 1
    assert look_up(document, "a.b.c", "none") == "none"
    assert remove(document, "a.b") == {}
    assert remove(put(document, "c", 3), "a.b") == {"c": 3}
    assert remove(document, "x.y") == document
    assert list(leaves({"a": {"b": 1}, "c": 2})) == [("a.b", 1), ("c", 2)]


def test_the_reference_names_every_setting_of_every_job():
    reference = settings_reference()
    for job, model in JOBS.items():
        section = reference.split(f"## `sidestep {job}`", 1)[1].split("\n## ", 1)[0]
        for field in setting_fields(model):
            assert f"`{field.path}`" in section
            assert field.help in section.replace("\\|", "|")
