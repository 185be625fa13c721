"""The guide tells the sources of fields in the order in which the program takes them."""

import re
from pathlib import Path

from sidestep_tui.dataset.song import Source

GUIDE = Path(__file__).parents[2] / "docs" / "data.md"


def test_the_guide_lists_every_source_from_strongest_to_weakest() -> None:
    told = re.findall(r"^\| `([^`]+)` \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert told == [source.value for source in Source]
