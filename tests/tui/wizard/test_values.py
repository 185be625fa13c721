"""What is typed as a list, and that every document of the wizard reads back from its command line."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sidestep_tui.config.fields import SettingField
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.tui.wizard.command import train_command
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.schema import fields_of
from sidestep_tui.tui.wizard.values import parse_value, spell_value

from .test_command import WHOLE, read_back
from .test_document import EDITS

FIELDS = {field.path: field for field in fields_of(TrainSettings)}
MORE, DATA, MODEL = (FIELDS[path] for path in ("data.more_tensors", "data.tensors", "model.checkpoint"))


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("/a /b", ["/a", "/b"]),
        ("/a,/b , /c", ["/a", "/b", "/c"]),
        ("'/my songs', /b", ["/my songs", "/b"]),
        ('"/it\'s, here"', ["/it's, here"]),
        ("", []),
    ],
)
def test_quotes_hold_an_item_together(text: str, items: list[str]) -> None:
    assert parse_value(MORE, text) == items


def test_a_quote_without_its_end_is_refused_and_nothing_is_lost() -> None:
    document = WizardDocument().set_all(WHOLE)
    document = document.edit(document.find(MORE.path), parse_value(MORE, "'/my so"))
    assert document.error(document.find(MORE.path))
    assert spell_value(document.shown(document.find(MORE.path))) == "'/my so"


@settings(deadline=None)
@example(items=[",", "a,b", "it's", '"'])
@given(items=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(str.strip).filter(bool)))
def test_a_list_that_is_shown_can_be_typed_again(items: list[str]) -> None:
    assert parse_value(MORE, spell_value(items)) == items


@pytest.mark.parametrize("text", ["/a b", "'/a, b', /c", "'/[x]'"])
def test_paths_with_blanks_and_commas_reach_the_command_line(text: str) -> None:
    document = WizardDocument().set_all(WHOLE)
    document = document.edit(document.find(MORE.path), parse_value(MORE, text))
    assert document.ready()
    assert read_back(train_command(document, Path("/r"))) == document.settings()


@settings(max_examples=100, deadline=None, derandomize=True)
@example(items=["1", "true", "none", "null", "nan", "1e5", "-x"])
@example(items=["none"])
@example(items=['"', '"a"', 'a"b', "a,b", ' "', "[x", "{x", '["x"]', "[]", "\n", "\\"])
@given(items=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=4))
def test_a_list_of_any_texts_reads_back_from_the_command_line(items: list[str]) -> None:
    document = WizardDocument().set_all(WHOLE)
    document = document.edit(document.find(MORE.path), items)
    assert document.ready()
    assert read_back(train_command(document, Path("/r"))) == document.settings()


@settings(max_examples=60, deadline=None, derandomize=True)
@example(edits=[(DATA, "-songs"), (MODEL, "--model")])
@given(edits=EDITS)
def test_every_document_reads_back_from_its_command_line(edits: list[tuple[SettingField, str]]) -> None:
    document = WizardDocument().set_all(WHOLE)
    for field, text in edits:
        if field in document.applicable:
            taken = document.edit(field, parse_value(field, text))
            document = taken if taken.ready() else document
    assert read_back(train_command(document, Path("/r"))) == document.settings()
