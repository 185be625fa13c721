"""The document of the wizard: edits, drafts, origins, back and forth, and that nothing invalid gets through."""

from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from sidestep_tui.config.base import Section, Shown, When
from sidestep_tui.config.fields import SettingField, look_up
from sidestep_tui.config.layers import problems_of
from sidestep_tui.config.presets.preset import Preset
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.errors import UsageError
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.schema import fields_of, steps_of
from sidestep_tui.tui.wizard.values import parse_value


def edited(**values: Any) -> WizardDocument:
    return WizardDocument().set_all({path.replace("__", "."): value for path, value in values.items()})


def whole(**values: Any) -> WizardDocument:
    return edited(model__checkpoint="/models/turbo", data__tensors="/tensors", **values)


def test_nothing_is_ready_before_model_and_songs_are_given() -> None:
    document = WizardDocument()
    assert [field.path for field in document.missing()] == ["model.checkpoint", "data.tensors"]
    assert document.problems() == ()
    assert not document.ready()
    assert whole().ready()
    assert whole().settings() == TrainSettings.model_validate(
        {"model": {"checkpoint": "/models/turbo"}, "data": {"tensors": "/tensors"}}
    )


def test_a_refused_value_stays_as_a_draft_with_the_reason() -> None:
    document = whole(adapter__rank=0)
    rank = document.find("adapter.rank")
    assert document.shown(rank) == 0
    assert document.value(rank) == 64
    assert document.error(rank) == "must be at least 1, not 0"
    assert not document.ready()
    assert document.edit(rank, 8).error(rank) is None


def test_settings_that_contradict_each_other_are_refused_until_both_fit() -> None:
    document = whole(objective__timestep_low=0.2, objective__timestep_high=0.4).set_all({"objective.timestep_low": 0.6})
    low = document.find("objective.timestep_low")
    assert "below timestep_high" in (document.error(low) or "")
    moved = document.set_all({"objective.timestep_high": 0.8})
    assert moved.error(low) is None
    assert (moved.value(low), moved.ready()) == (0.6, True)


def test_a_choice_that_needs_another_setting_shows_that_setting() -> None:
    document = whole(schedule__name="formula")
    name = document.find("schedule.name")
    assert "needs schedule.formula" in (document.error(name) or "")
    formula = document.find("schedule.formula")
    broken = document.edit(formula, "1 - nonsense")
    assert broken.shown(formula) == "1 - nonsense"
    assert "cannot be evaluated" in (broken.error(name) or "")
    assert not broken.ready()
    whole_again = broken.edit(formula, "1 - progress")
    assert whole_again.ready()
    assert look_up(whole_again.document, "schedule") == {"name": "formula", "formula": "1 - progress"}


def test_another_family_and_back_loses_nothing() -> None:
    lora = whole(adapter__rank=24, adapter__dropout=0.05)
    lokr = lora.set_all({"adapter.family": "lokr", "adapter.rank": 6})
    assert lokr.value(lokr.find("adapter.rank")) == 6
    back = lokr.set_all({"adapter.family": "lora"})
    assert back.value(back.find("adapter.rank")) == 24
    assert back.value(back.find("adapter.dropout")) == 0.05
    assert back.set_all({"adapter.family": "lokr"}).document == lokr.document


def test_only_settings_that_apply_are_there() -> None:
    paths = {field.path for field in whole().applicable}
    assert "adapter.block_size" not in paths
    assert "schedule.power" not in paths
    oft = whole(adapter__family="oft", schedule__name="polynomial")
    paths = {field.path for field in oft.applicable}
    assert {"adapter.block_size", "schedule.power"} <= paths
    assert "adapter.rank" not in paths


def test_each_value_knows_where_it_comes_from(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"training": {"epochs": 9, "seed": 1}}', encoding="utf-8")
    preset = Preset("album", "", {"adapter": {"rank": 16}, "training": {"epochs": 7}})
    document = whole().with_preset(preset).with_file(tmp_path / "a.json")
    document = document.set_all({"training.seed": 2})
    origins = {path: document.origin(document.find(path)) for path in (
        "adapter.rank", "training.epochs", "training.seed", "training.batch_size")}  # fmt: skip
    assert origins == {
        "adapter.rank": "preset album",
        "training.epochs": "file a.json",
        "training.seed": "edited",
        "training.batch_size": "default",
    }


def test_an_edit_back_to_what_lies_beneath_is_no_edit() -> None:
    document = whole(adapter__rank=32).set_all({"adapter.rank": 64})
    assert document.origin(document.find("adapter.rank")) == "default"
    assert document.differences()[2:] == ()
    assert whole(adapter__rank=32).reset(document.find("adapter.rank")).value(document.find("adapter.rank")) == 64


def test_another_preset_keeps_the_edits() -> None:
    first = whole(adapter__rank=8).with_preset(Preset("a", "", {"training": {"epochs": 5}}))
    second = first.with_preset(Preset("b", "", {"adapter": {"rank": 99, "alpha": 4.0}}))
    assert second.value(second.find("adapter.rank")) == 8
    assert second.origin(second.find("adapter.alpha")) == "preset b"
    assert second.value(second.find("training.epochs")) == 100
    assert second.without_preset().document == whole(adapter__rank=8).document


def test_an_edit_that_no_longer_fits_under_a_preset_becomes_a_draft() -> None:
    document = whole(objective__timestep_low=0.5)
    under = document.with_preset(Preset("low", "", {"objective": {"timestep_high": 0.3}}))
    low = under.find("objective.timestep_low")
    assert under.shown(low) == 0.5
    assert under.value(low) == 0.0
    assert under.error(low)
    assert under.without_preset().value(low) == 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"adapter": {"rank": 0}}', r"adapter\.rank"),
        ("[1]", "no settings"),
        ('{"job": "generate", "settings": {"prompt": "a song"}}', "of another kind: generate"),
        ("{", "cannot be read"),
        (None, "No such"),
    ],
)
def test_a_config_file_that_cannot_be_used_is_refused(text: str | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        WizardDocument().with_file(file)


def test_differences_are_what_the_review_shows() -> None:
    document = whole(adapter__family="dora", optimizer__learning_rate=3e-4)
    assert [(d.field.path, d.value) for d in document.differences()] == [
        ("model.checkpoint", "/models/turbo"),
        ("data.tensors", "/tensors"),
        ("adapter.family", "dora"),
        ("optimizer.learning_rate", 3e-4),
    ]


def test_search_finds_by_name_and_by_help_with_names_first() -> None:
    hits = [field.path for field in WizardDocument().search("dropout")]
    assert hits[0] == "adapter.dropout"
    assert "objective.condition_dropout" in hits
    assert [field.path for field in WizardDocument().search("sliding OR nonsense")] == []
    assert "memory.checkpointing" in [field.path for field in WizardDocument().search("recompute activations")]


def test_steps_follow_the_sections_and_hide_what_is_advanced() -> None:
    document = whole(adapter__family="lokr")
    basic = steps_of(TrainSettings, document.applicable, document.document, advanced=False)
    every = steps_of(TrainSettings, document.applicable, document.document, advanced=True)
    assert [step.name for step in basic][:3] == ["model", "data", "adapter"]
    assert "objective" not in [step.name for step in basic]
    assert "objective" in [step.name for step in every]
    assert sum(len(step.fields) for step in every) == len(document.applicable)
    assert next(step for step in basic if step.name == "adapter").about.startswith("LoKr")


class Extra(Section):
    """A section that nobody told the wizard about."""

    mode: Annotated[str, Field(pattern="^[ab]$"), Shown()] = "a"
    """A mode."""

    depth: Annotated[int, Field(ge=1), Shown(when=When("extra.mode", ("b",)))] = 1
    """Only in mode b."""


class Extended(TrainSettings):
    """The training settings with something new."""

    extra: Extra = Extra()


def test_a_new_setting_shows_up_by_itself() -> None:
    document = WizardDocument(schema=Extended)
    steps = steps_of(Extended, document.applicable, document.document, advanced=False)
    assert (steps[-1].name, [field.name for field in steps[-1].fields]) == ("extra", ["mode"])
    document = document.set_all({"extra.mode": "b", "extra.depth": 3})
    assert look_up(document.document, "extra.depth") == 3
    assert document.set_all({"extra.mode": "a"}).document == {}


def typed_text(field: SettingField) -> st.SearchStrategy[str]:
    """What people may type into a field: sensible, at the bounds, and nonsense."""
    numbers = st.one_of(st.integers(-5, 2000).map(str), st.floats(-2, 5000).map(str))
    nonsense = ["", "nan", "1e400", "-", "true", "../x", "q v", "all", "0-11,20", "3-1", "cuda:1", "ü[b]", "none"]
    quoted = ["a slow waltz | -x", "/my songs '/a, b'", "'/it is", '["x"]']
    words = st.sampled_from([*nonsense, *quoted])
    chosen = st.sampled_from(field.choices) if field.choices else words
    return st.one_of(numbers, words, chosen)


ALL_FIELDS = fields_of(TrainSettings)
EDITS = st.lists(
    st.sampled_from(ALL_FIELDS).flatmap(lambda field: st.tuples(st.just(field), typed_text(field))), max_size=12
)
PRESETS = st.sampled_from(
    [
        None,
        Preset("a", "", {"adapter": {"family": "oft", "block_size": 8}}),
        Preset("b", "", {"objective": {"timestep_high": 0.3}, "adapter": {"rank": 4}}),
    ]
)


@settings(max_examples=150, deadline=None)
@given(edits=EDITS, preset=PRESETS, when=st.integers(0, 12))
def test_every_document_that_edits_can_make_is_valid(
    edits: list[tuple[SettingField, str]], preset: Preset | None, when: int
) -> None:
    document = whole()
    for number, (field, text) in enumerate(edits):
        if number == when and preset:
            document = document.with_preset(preset)
        if field in document.applicable:
            document = document.edit(field, parse_value(field, text))
        assert problems_of(TrainSettings, document.document) == () or document.missing()
        assert document.problems() == ()
    if document.ready():
        TrainSettings.model_validate(document.document)
