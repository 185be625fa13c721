"""Text of presets from anywhere: what is refused, with the reason, and what is read all the same."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep_tui.config.places import whole_path
from sidestep_tui.config.presets.importing import import_text
from sidestep_tui.config.presets.preset import parse_preset, preset_problems
from sidestep_tui.config.presets.text import LARGEST_BYTES, read_text
from sidestep_tui.errors import SidestepError

SETTINGS = '{"adapter": {"rank": 8}}'
REFUSED = {
    "cut off": ("{", "not JSON: Expecting property name enclosed in double quotes at line 1, column 2."),
    "control character": ('{"a\n', "not JSON: Invalid control character at line 1, column 4."),
    "list": ("[1]", "an object"),
    "name twice": ('{"name": "a", "name": "b", "settings": {}}', "'name' stands in it twice"),
    "setting twice": ('{"settings": {"adapter": {"rank": 8, "rank": 9}}}', "'rank' stands in it twice"),
    "NaN": ('{"settings": {"optimizer": {"learning_rate": NaN}}}', "NaN is not a number"),
    "infinity": ('{"settings": {"optimizer": {"learning_rate": -Infinity}}}', "-Infinity is not a number"),
    "1e999": ('{"settings": {"optimizer": {"learning_rate": 1e999}}}', "too large a number"),
    "many digits": ('{"settings": {"adapter": {"rank": ' + "9" * 5000 + "}}}", "too large a number"),
    "nested": ('{"settings": ' + '{"a":' * 60 + "1" + "}" * 60 + "}", "nested too deeply"),
    "nested beyond reading": ("[" * 100_000, "nested too deeply"),
    "half a character": ('{"description": "\\ud800", "settings": ' + SETTINGS + "}", "half a character"),
    "large": (" " * (LARGEST_BYTES + 1), "at most 1 MB"),
    "large in bytes alone": ('{"description": "' + "曲" * (LARGEST_BYTES // 2) + '", "settings": {}}', "at most 1 MB"),
    "number for a name": ('{"name": 7, "settings": {}}', "not text"),
    "device for a name": ('{"name": "CON", "settings": {}}', "cannot be a preset's name"),
    "list for settings": ('{"settings": []}', "an object with `settings`"),
    "number for a section": ('{"settings": {"model": 5}}', "model: must be a group of settings"),
    "unknown key": ('{"settings": {}, "run": "rm"}', "Unknown in a preset: run"),
    "unknown setting": (
        '{"settings": {"adapter": {"rang": 8}}}',
        "adapter.rang: is not a setting (here), did you mean adapter.rank?",
    ),
    "wrong type": ('{"settings": {"adapter": {"rank": "eight"}}}', "whole number"),
    "out of bounds": ('{"settings": {"adapter": {"rank": 0}}}', "must be at least 1"),
    "path": ('{"settings": {"model": {"checkpoint": "/m"}}}', "stays out of presets"),
    "device": ('{"settings": {"model": {"device": "cuda:1"}}}', "stays out of presets"),
}


@pytest.mark.parametrize(("text", "what"), REFUSED.values(), ids=REFUSED)
def test_refusals_name_the_reason_the_place_and_the_fix(text: str, what: str) -> None:
    with pytest.raises(SidestepError) as caught:
        parse_preset(text, "fallback")
    assert what in caught.value.what
    assert caught.value.where or "name" in what
    assert caught.value.fix


def test_a_thousand_mistakes_make_a_short_message() -> None:
    settings = {"adapter": {f"{n}{'x' * 500}": n for n in range(1000)}}
    with pytest.raises(SidestepError, match="and 995 more") as caught:
        parse_preset(json.dumps({"settings": settings}), "a")
    assert len(caught.value.what) < 1500


def test_the_config_of_a_run_is_no_preset_and_says_how_to_make_one_of_it() -> None:
    with pytest.raises(SidestepError, match="Unknown in a preset: job") as caught:
        parse_preset(json.dumps({"job": "train", "settings": {}}), "config")
    assert "--run RUN" in str(caught.value.fix)


@pytest.mark.parametrize("version", ["0.1.0", "", "nonsense"])
def test_a_mistake_is_a_mistake(version: str) -> None:
    with pytest.raises(SidestepError) as caught:
        parse_preset(json.dumps({"sidestep": version, "settings": {"later": {"idea": 1}}}), "a")
    assert caught.value.what.startswith("The preset has settings that cannot be used: later")


@pytest.mark.parametrize("document", [{"settings": {"later": {"idea": 1}}}, {"settings": {}, "tags": []}])
def test_a_preset_of_a_newer_version_is_not_to_blame(document: dict[str, object]) -> None:
    with pytest.raises(SidestepError, match=r"saved by Side-Step 7\.0\.0, this is") as caught:
        parse_preset(json.dumps({"sidestep": "7.0.0", **document}), "a")
    assert "update Side-Step" in str(caught.value.fix)
    same = json.dumps({"sidestep": "7.0.0", "settings": {"adapter": {"rank": 8}}})
    assert parse_preset(same, "a").settings == {"adapter": {"rank": 8}}


def test_a_byte_order_mark_is_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"\xef\xbb\xbf" + b'{"settings": {}}')
    assert parse_preset(read_text(file), "a").name == "a"
    assert parse_preset('\ufeff{"settings": {}}', "a").name == "a"


def test_files_that_are_none(tmp_path: Path) -> None:
    large, utf16, pipe = tmp_path / "large.json", tmp_path / "utf16.json", tmp_path / "pipe.json"
    large.write_bytes(b"\xff" * (LARGEST_BYTES + 1))
    utf16.write_text(f'{{"settings": {SETTINGS}}}', encoding="utf-16")
    os.mkfifo(pipe)  # to open it would wait for ever
    expected = {
        large: "at most 1 MB", utf16: "not UTF-8", pipe: "not a regular file", tmp_path: "a folder",
        tmp_path / "gone.json": "no such file", Path("/dev/zero"): "not a regular file",
    }  # fmt: skip
    for file, what in expected.items():
        with pytest.raises(SidestepError, match=what) as caught:
            read_text(file)
        assert (caught.value.where, bool(caught.value.fix)) == (str(file), True)


def test_paths_are_made_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert whole_path(Path("a.json")) == tmp_path / "a.json"
    assert whole_path(Path("~/a.json")) == Path("/home/me/a.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SECTIONS = st.dictionaries(
    st.sampled_from(["adapter", "model", "data", "training", "memory", "x"]),
    JSON | st.dictionaries(st.sampled_from(["family", "rank", "epochs", "device", "targets", "weights"]), JSON),
    max_size=3,
)
OLDER = st.dictionaries(
    st.sampled_from(["rank", "use_dora", "target_modules_str", "max_latent_length", "adapter_type", "weight_quantize"]),
    JSON,
    min_size=1,
)


@given(JSON | OLDER | st.fixed_dictionaries({"settings": SECTIONS}, optional={"name": JSON, "sidestep": JSON}))
def test_whatever_comes_is_a_valid_preset_or_refused_with_a_fix(document: object) -> None:
    try:
        preset, refusal = import_text(json.dumps(document)).preset, None
    except SidestepError as error:
        preset, refusal = None, error
    assert preset_problems(preset.settings) == () if preset else refusal is not None and bool(refusal.fix)
