"""Structure tags in lyrics: lines such as `[Verse 1]` or `[Chorus]`, by which the model learns a song's form."""

import re

_TAG_LINE = re.compile(r"[ \t]*\[([^\[\]\n]{1,60})\][ \t]*", re.MULTILINE)
_NAMES = ("intro", "verse", "pre-chorus", "prechorus", "chorus", "hook", "refrain", "bridge", "interlude", "break",
          "drop", "build", "solo", "instrumental", "outro", "ending", "end", "spoken", "rap")  # fmt: skip


def structure_tags(lyrics: str) -> tuple[str, ...]:
    """The structure tags of lyrics in their order, without brackets: `("Verse 1", "Chorus")`."""
    lines = (_TAG_LINE.fullmatch(line) for line in lyrics.split("\n"))
    return tuple(match[1].strip() for match in lines if match and match[1].strip().casefold().startswith(_NAMES))
