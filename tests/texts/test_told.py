"""Texts that are kept in English and shown translated."""

import json
import pickle
from typing import Any

import msgspec
import pytest

from sidestep_tui.dataset.findings import check_dataset
from sidestep_tui.dataset.song import Dataset, Finding, Severity
from sidestep_tui.texts import told as module
from sidestep_tui.texts.told import spoken, told, told_many
from tests.dataset.conftest import song


@pytest.fixture
def german(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue of three texts."""
    texts = {"{song} is {state}.": "{song} ist {state}.", "broken": "kaputt", "write {}": "schreib {}"}
    monkeypatch.setattr(module, "_", lambda text: texts.get(text, text))
    forms = {"one place": ("eine Stelle", "{count} Stellen")}
    monkeypatch.setattr(module, "ngettext", lambda one, _many, count: forms[one][count != 1])


def test_a_text_is_english_until_it_is_spoken(german: None) -> None:
    text = told("{song} is {state}.", song="a.wav", state=told("broken"))
    assert text == "a.wav is broken."
    assert spoken(text) == "a.wav ist kaputt."
    assert spoken(told("write {}")) == "schreib {}"
    assert spoken("a name from outside") == "a name from outside"


@pytest.mark.parametrize(("count", "english", "shown"), [(1, "one place", "eine Stelle"), (3, "3 places", "3 Stellen")])
def test_the_form_fits_the_count(german: None, count: int, english: str, shown: str) -> None:
    text = told_many("one place", "{count} places", count)
    assert (str(text), spoken(text)) == (english, shown)


def test_it_survives_the_way_through_another_process(german: None) -> None:
    assert spoken(pickle.loads(pickle.dumps(told("broken")))) == "kaputt"


def test_documents_hold_the_english_text(german: None) -> None:
    finding = Finding(Severity.INFO, "broken", told("broken"), "a.wav", told("write {}"))
    assert json.loads(json.dumps(finding.as_dict())) == msgspec.json.decode(msgspec.json.encode(finding.as_dict()))
    assert (finding.as_dict()["message"], finding.as_dict()["fix"]) == ("broken", "write {}")


def test_every_finding_of_a_song_can_be_spoken() -> None:
    """The templates take the values that they are given: a translated one is filled in again."""
    fields: dict[str, Any] = {
        "bpm": 500,
        "timesignature": "5",
        "language": "en",
        "lyrics": "<br>привет как дела\n" * 20,
    }
    found = check_dataset(Dataset(root=song().audio_path.parent, songs=(song(**fields), song("b.wav", caption="x"))))
    assert len(found) > 8
    for finding in found:
        assert spoken(finding.message) == finding.message
        assert finding.fix is None or spoken(finding.fix) == finding.fix
        assert isinstance(finding.message, module.Told), finding.code
