"""What can be done about a finding: set fields to values that follow from the song, or ask for the right field.

`tempo_choices` is the one place that knows other tempos of a song.
"""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sidestep_tui.dataset.captions import comma_parts
from sidestep_tui.dataset.language import detect_language
from sidestep_tui.dataset.measure import Measures
from sidestep_tui.dataset.song import DatasetMetadata, Finding, Song
from sidestep_tui.dataset.song_findings import FASTEST, SLOWEST
from sidestep_tui.dataset.structure import structure_tags
from sidestep_tui.dataset.treatment import loudness_gain, silent_ends
from sidestep_tui.told import told

_BREAK: Final = re.compile(r"<\s*/?\s*(?:br|p|div)\b[^>]*>", re.IGNORECASE)
_MARKUP: Final = re.compile(r"<\s*/?\s*(?:span|html|body|a|b|i|script)\b[^>]*>", re.IGNORECASE)
_BLANKS: Final = re.compile(r"\n{3,}")
_STANZA: Final = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True, slots=True)
class Fix:
    """One way out of a finding."""

    label: str
    """English; `texts.spoken.spoken` gives it in the language of the reader."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Fields to set; empty where a person must say what."""
    asks: str = ""
    """The field to open."""


def fix_for(finding: Finding, song: Song, metadata: DatasetMetadata, measures: Measures | None = None) -> Fix | None:
    """What one key does about a finding of this song; None where nothing in its fields can help.

    Args:
        finding: about the song.
        song: as it is now.
        metadata: of its data set.
        measures: of its sound, which findings about silence and loudness need.
    """
    kind, _, name = finding.code.partition("-")
    if kind in ("unsure", "unreviewed") and name in song.beliefs:
        return _guessed(song, name, confirm=kind == "unreviewed")
    if measures is not None and finding.code in _SOUND_MENDS:
        return _SOUND_MENDS[finding.code](song, metadata, measures)
    mend = _MENDS.get(finding.code)
    return (mend(song, metadata) if mend else None) or _ASKS.get(finding.code)


def tempo_choices(song: Song) -> tuple[int, ...]:
    """Other tempos that the song may have, as far as the model knows them, the likeliest first.

    What the analyser heard second best, then half and double.
    """
    if song.bpm is None:
        return ()
    belief = song.beliefs.get("bpm")
    heard = [int(belief.second)] if belief is not None and belief.second and belief.second.isdecimal() else []
    half, double = round(song.bpm / 2), song.bpm * 2
    ordered = dict.fromkeys([*heard, *((half, double) if song.bpm >= 120 else (double, half))])
    return tuple(tempo for tempo in ordered if SLOWEST <= tempo <= FASTEST and tempo != song.bpm)


def other_tempo(song: Song) -> Fix | None:
    """Takes the likeliest other tempo."""
    choices = tempo_choices(song)
    return Fix(told("take {bpm} BPM", bpm=choices[0]), {"bpm": choices[0]}) if choices else None


def skeleton(lyrics: str) -> str:
    """Lyrics with a structure tag above each stanza: a stanza that comes again is the chorus, others are verses."""
    stanzas = [stanza.strip("\n") for stanza in _STANZA.split(lyrics) if stanza.strip()]
    again = {_folded(stanza) for stanza in stanzas if sum(_folded(one) == _folded(stanza) for one in stanzas) > 1}
    tagged: list[str] = []
    verses = 0
    for stanza in stanzas:
        if structure_tags(stanza):
            tagged.append(stanza)
        elif _folded(stanza) in again:
            tagged.append(f"[Chorus]\n{stanza}")
        else:
            verses += 1
            tagged.append(f"[Verse {verses}]\n{stanza}")
    return "\n\n".join(tagged)


def without_markup(lyrics: str) -> str:
    """Lyrics as a browser would show them."""
    text = _MARKUP.sub("", _BREAK.sub("\n", lyrics))
    return _BLANKS.sub("\n\n", html.unescape(text)).strip()


def without_tag(caption: str, tag: str) -> str:
    """A caption without the part that is the trigger tag."""
    parts, comma = comma_parts(caption)
    return comma.join(part for part in parts if part.casefold() != tag.casefold())


def without_copy(lyrics: str) -> str:
    """The first half of lyrics that were pasted twice."""
    lines = lyrics.split("\n")
    full = sum(bool(line.strip()) for line in lines)
    kept, seen = [], 0
    for line in lines:
        if seen == full // 2:
            break
        kept.append(line)
        seen += bool(line.strip())
    return "\n".join(kept)


def _guessed(song: Song, name: str, *, confirm: bool) -> Fix:
    """What a provider wrote is confirmed by setting it to itself; of an unsure guess the second best is taken."""
    if confirm:
        return Fix(told("it is right"), {name: getattr(song, name)})
    second = song.beliefs[name].second
    if second:
        return Fix(told("take {name}", name=second), {name: second})
    return Fix(told("set {name}", name=name), asks=name)


def _folded(stanza: str) -> str:
    return " ".join(stanza.casefold().split())


def _language(song: Song, _: DatasetMetadata) -> Fix:
    guess = detect_language(song.lyrics)
    if guess is None:
        return Fix(told("choose the language"), asks="language")
    return Fix(told("set {name}", name=guess.code), {"language": guess.code})


def _no_lyrics(_song: Song, _: DatasetMetadata) -> Fix:
    return Fix(told("mark instrumental"), {"is_instrumental": True})


def _tag_twice(song: Song, metadata: DatasetMetadata) -> Fix:
    tag = song.custom_tag or metadata.custom_tag
    return Fix(told("take it out"), {"caption": without_tag(song.caption, tag)})


def _no_genre(song: Song, _: DatasetMetadata) -> Fix:
    if song.prompt_override == "genre":
        return _ASKS["missing-genre"]
    return Fix(told("always use the caption"), {"prompt_override": "caption"})


def _trim(song: Song, _: DatasetMetadata, measures: Measures) -> Fix:
    start, end = silent_ends(measures, song.duration)
    label = told("trim to {start:.1f} … {end:.1f} s", start=start, end=end)
    return Fix(label, {"trim_start": start, "trim_end": end})


def _raise(song: Song, metadata: DatasetMetadata, measures: Measures) -> Fix | None:
    gain = round(loudness_gain(measures, metadata.target_lufs), 1)
    label = told("make it {gain:.1f} dB louder", gain=gain)
    return Fix(label, {"gain_db": gain}) if gain > 0 and gain != song.gain_db else None


_SOUND_MENDS: Final[Mapping[str, Callable[[Song, DatasetMetadata, Measures], Fix | None]]] = {
    "silent-ends": _trim,
    "quiet": _raise,
}
"""For each code what follows from the measures of the sound."""

_ASKS: Final[Mapping[str, Fix]] = {
    "missing-caption": Fix(told("write a caption"), asks="caption"),
    "short-caption": Fix(told("write more"), asks="caption"),
    "missing-genre": Fix(told("write a genre"), asks="genre"),
    "missing-bpm": Fix(told("set the tempo"), asks="bpm"),
    "bpm-range": Fix(told("set the tempo"), asks="bpm"),
    "missing-key": Fix(told("set the key"), asks="keyscale"),
    "timesignature-range": Fix(told("set it"), asks="timesignature"),
}
"""For each code the field that a person must say something about."""

_MENDS: Final[Mapping[str, Callable[[Song, DatasetMetadata], Fix | None]]] = {
    "missing-genre": _no_genre,
    "tag-twice": _tag_twice,
    "missing-lyrics": _no_lyrics,
    "unused-lyrics": lambda *_: Fix(told("it is sung"), {"is_instrumental": False}),
    "lyric-times": lambda song, _: Fix(
        told("strip the times"), {"lyrics": song.lyrics}
    ),  # setting them reads the times
    "caption-as-lyrics": lambda song, _: Fix(told("take it as the caption"), {"caption": song.lyrics, "lyrics": ""}),
    "lyrics-html": lambda song, _: Fix(told("strip the markup"), {"lyrics": without_markup(song.lyrics)}),
    "lyrics-twice": lambda song, _: Fix(told("keep the first half"), {"lyrics": without_copy(song.lyrics)}),
    "no-structure-tags": lambda song, _: Fix(told("add a skeleton"), {"lyrics": skeleton(song.lyrics)}),
    "missing-language": _language,
    "language-mismatch": _language,
    "bpm-range": lambda song, _: other_tempo(song),
    "trim-ignored": lambda *_: Fix(told("clear the trim"), {"trim_start": None, "trim_end": None}),
}
"""For each code what follows from the song itself."""
