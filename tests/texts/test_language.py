"""Who chooses the language, and what is shown where there is no translation."""

import subprocess
import sys

import pytest

from sidestep_tui.texts import _, ngettext, open_catalogue
from sidestep_tui.texts.language import chosen_language, known_language, remember_language

VARIABLES = ("SIDESTEP_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("zh", "zh_CN"),
        ("zh_CN.UTF-8", "zh_CN"),
        ("zh-Hans", "zh_CN"),
        ("zh_SG", "zh_CN"),
        ("en_GB.UTF-8", "en"),
        ("en", "en"),
        ("de_DE.UTF-8", None),
        ("C", None),
        ("C.UTF-8", None),
        ("", None),
    ],
)
def test_known_languages(name: str, known: str | None) -> None:
    assert known_language(name) == known


def test_english_without_any_word() -> None:
    assert chosen_language() == "en"


@pytest.mark.parametrize("variable", VARIABLES)
def test_each_variable_chooses(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "zh_CN.UTF-8")
    assert chosen_language() == "zh_CN"


def test_the_first_variable_of_the_locale_decides_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.setenv("LC_ALL", "C")
    assert chosen_language() == "en"


def test_a_kept_choice_is_above_the_locale_and_below_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    remember_language("zh_CN")
    assert chosen_language() == "zh_CN"
    monkeypatch.setenv("SIDESTEP_LANGUAGE", "en")
    assert chosen_language() == "en"


def test_an_unknown_language_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDESTEP_LANGUAGE", "tlh")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert chosen_language() == "zh_CN"


def test_english_is_the_text_itself() -> None:
    assert _("Train an adapter on preprocessed songs.") == "Train an adapter on preprocessed songs."
    assert _("") == ""
    assert ngettext("{count} text", "{count} texts", 2).format(count=2) == "2 texts"


def test_a_text_without_translation_stays_english() -> None:
    assert open_catalogue("zh_CN").gettext("No one ever wrote this.") == "No one ever wrote this."


def test_a_process_speaks_the_chosen_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDESTEP_LANGUAGE", "zh")
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    code = "from sidestep_tui.texts import _; import sys; print(_('Training'), _(''), 'babel' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, encoding="utf-8").stdout
    assert shown.split() == ["训练", "False"]
