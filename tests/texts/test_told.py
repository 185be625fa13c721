"""The marks of texts that are kept in English: they give plain text."""

import json

import msgspec
import pytest

from sidestep_tui.dataset.song import Finding, Severity
from sidestep_tui.told import told, told_many


def test_a_template_is_filled_and_a_text_is_left_alone() -> None:
    assert told("{song} is {state}.", song="a.wav", state="broken") == "a.wav is broken."
    assert told('write {"caption": "…"}') == 'write {"caption": "…"}'


@pytest.mark.parametrize(("count", "text"), [(1, "one place in a.wav"), (3, "3 places in a.wav")])
def test_the_form_fits_the_count(count: int, text: str) -> None:
    assert told_many("one place in {song}", "{count} places in {song}", count, song="a.wav") == text


def test_documents_hold_the_english_text() -> None:
    finding = Finding(Severity.INFO, "broken", told("broken"), "a.wav", told("write {}"))
    assert json.loads(json.dumps(finding.as_dict())) == msgspec.json.decode(msgspec.json.encode(finding.as_dict()))
    assert (finding.as_dict()["message"], finding.as_dict()["fix"]) == ("broken", "write {}")
