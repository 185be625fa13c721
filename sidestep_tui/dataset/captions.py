"""A caption of several paragraphs holds several wordings of one song; files that list them come to the same form.

`captions` is the list that data sets of other tools carry: each of its texts becomes a paragraph of the caption, and a
saved data set lists the paragraphs there again, where such a tool looks for them.
"""

import math
import re
from typing import Any, Final

from sidestep_tui.dataset.values import read_text

MEMBER: Final = "captions"
_BETWEEN_PARAGRAPHS: Final = re.compile(r"\n\s*\n")
_COMMA: Final = re.compile("[,，、]")
_UNSPACED: Final = re.compile("[\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


def paragraphs(caption: str) -> tuple[str, ...]:
    """The wordings of a caption, without blank ends; none for an empty caption."""
    return tuple(part.strip() for part in _BETWEEN_PARAGRAPHS.split(caption) if part.strip())


def comma_parts(caption: str) -> tuple[list[str], str]:
    """What stands between the commas of a caption, Chinese and Japanese ones too, and the comma that it uses first."""
    parts = [part.strip() for part in _COMMA.split(caption)]
    first = _COMMA.search(caption)
    return parts, ", " if first is None or first[0] == "," else first[0]


def word_count(text: str) -> int:
    """About how many words a text has. Chinese and Japanese put no blanks between theirs, of about two characters."""
    unspaced = len(_UNSPACED.findall(text))
    return len(_UNSPACED.sub(" ", text).split()) + math.ceil(unspaced / 2)


def joined(caption: str, listed: Any) -> str:
    """A caption with the texts of a list as further paragraphs; what it holds already is not repeated.

    Args:
        caption: may be empty.
        listed: what the member `captions` holds: a list of texts, or one text.

    Raises:
        ValueError: it holds something else.
    """
    texts = listed if isinstance(listed, list) else [listed]
    read = [_BETWEEN_PARAGRAPHS.sub("\n", text) for one in texts if (text := read_text(one)) is not None]
    return "\n\n".join(dict.fromkeys([*paragraphs(caption), *read])) if read else caption
