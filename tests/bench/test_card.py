"""One command for a card: sections that fail or take too long leave the others alone, and a second call goes on."""

import sys
from pathlib import Path

import pytest

from bench import card
from bench.card import Section

COUNTED = """
import pathlib, sys
file = pathlib.Path(sys.argv[1])
file.write_text(file.read_text() + "x" if file.exists() else "x")
print("| what |\\n| ---- |\\n| measured |")
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three sections: one that counts its calls, one that fails as long as a file is not there, one that never ends."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "counted_section.py").write_text(COUNTED)
    (folder / "failing_section.py").write_text("import pathlib, sys; print(pathlib.Path(sys.argv[1]).read_text())")
    (folder / "endless_section.py").write_text("import threading; print('began', flush=True); threading.Event().wait()")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    sections = (
        Section("fails", f"failing_section {folder / 'there'}", 60, ""),
        Section("never ends", "endless_section", 1, ""),
        Section("counts", f"counted_section {folder / 'calls'}", 60, ""),
    )
    monkeypatch.setattr(card, "SECTIONS", sections)
    return folder


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> str | int | None:
    monkeypatch.setattr(sys, "argv", ["bench.card", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        card.main()
    return ended.value.code


def test_a_section_that_fails_or_does_not_end_is_noted_and_the_next_begins(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(monkeypatch, "--output", tmp_path / "card.md") == 1
    text = (tmp_path / "card.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## fails", "## never ends", "## counts"]
    assert "FileNotFoundError" in text
    assert "began" in text
    assert "It was ended after 1 s." in text
    assert "| measured |" in text


def test_a_second_call_goes_on_with_what_failed_and_measures_again_only_when_asked(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "card.md"
    wanted = ["--output", output, "--only", "fails", "counts"]
    assert call(monkeypatch, *wanted) == 1
    (programs / "there").write_text("now it works")
    assert call(monkeypatch, *wanted) == 0
    assert (programs / "calls").read_text() == "x"
    text = output.read_text()
    assert "FileNotFoundError" not in text
    assert "now it works" in text
    assert text.count("| measured |") == 1
    assert call(monkeypatch, *wanted, "--again") == 0
    assert (programs / "calls").read_text() == "xx"


def test_when_the_time_is_over_the_next_section_is_named_and_not_begun(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "fails" in str(call(monkeypatch, "--output", tmp_path / "card.md", "--minutes", 0))
    assert not (tmp_path / "card.md").exists()
