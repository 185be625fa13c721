"""The page's script in a browser: players, pictures to seek in, and the blind comparison."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from sidestep_tui.report.write import Report

BROWSER: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ACTING: Final = Path(__file__).with_name("acting.js")


@pytest.fixture(scope="module")
def acted(full_report: Report, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of acting on the page. Its own policy would let no other script run."""
    if BROWSER is None:
        pytest.skip("there is no browser")
    folder = tmp_path_factory.mktemp("browser")
    markup = full_report.page.read_text(encoding="utf-8")
    open_to_us = re.sub(r'<meta [^>]*http-equiv="Content-Security-Policy"[^>]*>', "", markup)
    assert open_to_us != markup
    script = f"<script>{ACTING.read_text(encoding='utf-8')}</script>"
    (folder / "page.html").write_text(open_to_us.replace("<head>", f"<head>{script}"), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    seen = subprocess.run(
        [BROWSER, *flags, (folder / "page.html").as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    title = re.search(r"<title>(\{.*?)</title>", seen.stdout)
    assert title is not None, seen.stderr
    return dict(json.loads(html.unescape(title[1])))


@pytest.mark.slow
def test_one_song_plays_at_a_time_and_a_picture_sets_its_place(acted: dict[str, Any]) -> None:
    assert acted["alone"]
    place, *paused = acted["sought"]
    assert place == pytest.approx(2.5, abs=0.05)  # the pointer stands on whole pixels
    assert paused == [False, True]


@pytest.mark.slow
def test_both_sides_of_the_comparison_are_heard_at_one_place_without_their_names(acted: dict[str, Any]) -> None:
    assert acted["named"] == 0
    assert acted["sides"] == [True, False, 7, True]
    assert acted["pressed"] == ["false", "true"]
    assert acted["heard"] == ["base model", "final (step 40) × 0.5", "step 8"], "not the data set's song"


@pytest.mark.slow
def test_choices_are_counted_ranked_kept_and_forgotten(acted: dict[str, Any]) -> None:
    assert [note.split(";")[0] for note in acted["notes"]] == [
        "1 choice so far",
        "2 choices so far",
        "3 choices so far",
    ]
    assert [note.split("; ")[1][:6] for note in acted["notes"]] == ["2 of 3", "1 of 3", "3 of 3"]
    assert acted["silent"]
    final, *others = acted["ranking"]
    assert final == ["final (step 40) × 0.5", "2", "0", "0", "100 %"]
    assert sorted(others) == [["base model", "0", "1", "1", "25 %"], ["step 8", "0", "1", "1", "25 %"]]
    assert acted["kept"] == 3
    assert acted["forgotten"].startswith("0 choices so far; 3 of 3")
