"""The tool sees what errors and warnings say, and says where it cannot."""

from pathlib import Path

import pytest

import sidestep_tui
from sidestep_tui.texts.spoken import CARRIERS
from tools.told_texts import carrying_places, told_texts

OTHERWISE = {
    "config/layers.py: message[:1].lower() + message[1:]": "a validator's ValueError, or pydantic's own words",
    "config/presets/convert.py: table.": "old_fields.REASONS are added whole",
    "engine/context.py: phase": "handed on to phase()",
    "engine/context.py: detail": "handed on to phase()",
    "engine/context.py: what": "handed on to warn()",
    "engine/context.py: fix": "handed on to warn()",
    "engine/context.py: self.stop_reason": "told where it is set",
    "engine/training/requests.py: context.stop_reason": "told where it is set",
    "engine/importing/job.py: warning": "told where the sample is read",
    "engine/memory/full.py: '; or '.join(advice)": "each piece is told",
    "engine/training/job.py: reason_to_end(": "told where it is made",
    "engine/training/room.py: WAITING_FOR_ROOM": "told where it is named",
    "engine/preprocess/bench.py: phase": "told by those who begin a pass",
    "tui/": "a command's own words, and what is translated already",
}
"""Places whose texts are found in another way, by the beginning of how they are shown here."""


def of(tmp_path: Path, code: str, file: str = "engine/a.py") -> tuple[list[tuple[str, ...]], list[str]]:
    (tmp_path / file).parent.mkdir(exist_ok=True, parents=True)
    (tmp_path / file).write_text(code, encoding="utf-8")
    (tmp_path / "errors.py").write_text(
        "class SidestepError(Exception): ...\nclass UsageError(SidestepError): ...\n", encoding="utf-8"
    )
    found, unseen = told_texts(tmp_path)
    return [each.forms for each in found], [each.code for each in unseen]


@pytest.mark.parametrize(
    ("code", "texts"),
    [
        ('SidestepError("No.", where=x, fix="do {it}")', ["No.", "do {{it}}"]),
        (
            'UsageError(f"{len(a)} of {x.name!r} and {len(b)}: {y + 1:g}")',
            ["{count} of {name} and {count2}: {value}"],
        ),
        ('SidestepError("a b" if x else f"c {y}")', ["a b", "c {y}"]),
        ("SidestepError(f\"correct {'it' if x else 'them'}\")", ["correct it", "correct them"]),
        ('FIX = "do it"\nSidestepError("No.", fix=FIX)', ["No.", "do it"]),
        ('WHY = {1: "not so"}\nSidestepError(f"No: {WHY[x]}.")', ["not so", "No: {why}."]),
        ('def f(what):\n  return SidestepError(what)\nf("a b")\nf(what=f"c {d}")', ["a b", "c {d}"]),
        ('def f():\n  what, fix = "a b", "c d"\n  raise SidestepError(what, fix=fix)', ["a b", "c d"]),
        ('def why():\n  return "e f"\nSidestepError(why())', ["e f"]),
        ('context.warn("a b", where, "c d")', ["a b", "c d"]),
        ('context.phase("a b", f"{n} songs", subject=song.name)', ["a b", "{n} songs"]),
        ('SidestepError(error.what, fix=other.fix or "a b")', ["a b"]),
        ('from sidestep_tui.told import told\ntold("{x:.1f} s", x=1)', ["{x} s"]),
        ('def told(x): ...\ntold("{x:.1f} s", x=1)', []),
    ],
)
def test_it_finds_texts(tmp_path: Path, code: str, texts: list[str]) -> None:
    assert of(tmp_path, code) == ([(text,) for text in texts], [])


def test_it_finds_both_forms_and_classes_of_errors(tmp_path: Path) -> None:
    code = 'from sidestep_tui.told import told_many\ntold_many("one", "{count} so", 2)\n'
    code += 'class OwnError(UsageError): ...\nOwnError("a b")'
    assert of(tmp_path, code)[0] == [("one", "{count} so"), ("a b",)]


@pytest.mark.parametrize("code", ["SidestepError(x)", "SidestepError('a' + x)", "SidestepError('a', fix=self.y())"])
def test_it_names_what_it_cannot_see(tmp_path: Path, code: str) -> None:
    assert len(of(tmp_path, code)[1]) == 1


def test_what_a_command_prints_is_not_for_screens(tmp_path: Path) -> None:
    assert of(tmp_path, 'SidestepError("a b")', "cli/a.py") == ([], [])


def test_every_text_of_an_error_or_a_warning_is_seen() -> None:
    """A text that fails here is marked with `told()`, or is made so that the tool can follow it."""
    _found, unseen = told_texts(Path(sidestep_tui.__file__).parent)
    shown = [f"{each.file}: {each.code}" for each in unseen]
    assert [place for place in shown if not place.startswith(tuple(OTHERWISE))] == []
    assert [reason for reason in OTHERWISE if not any(place.startswith(reason) for place in shown)] == []


def test_every_place_that_may_hold_a_text_is_one_that_is_translated() -> None:
    """A place that fails here takes a name of `CARRIERS`: its value is called `reason`, `what`, `kind`, …"""
    assert carrying_places(Path(sidestep_tui.__file__).parent) - CARRIERS == set()


def test_a_place_is_seen_to_hold_a_text(tmp_path: Path) -> None:
    code = 'def f(song, reason):\n  raise SidestepError(f"{song} is left out: {reason}.")\nf(x, "it is silent")'
    of(tmp_path, code)
    assert carrying_places(tmp_path) == {"reason"}
