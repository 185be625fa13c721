"""One song from what its sources say: for each field, the strongest source that has it (the order is `song.Source`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sidestep_tui.dataset.language import guess_language
from sidestep_tui.dataset.sidecars import Said
from sidestep_tui.dataset.song import AudioInfo, LyricTime, Song, Source

_ORDER = tuple(Source)


def build_song(
    key: str,
    path: Path,
    audio: AudioInfo,
    said: Said,
    times: Mapping[Source, tuple[LyricTime, ...]],
    saved_sources: Mapping[str, Source] | None = None,
) -> Song:
    """Merges what the sources say about one song.

    Line times come from the source of the lyrics, else from whichever has them: an LRC file beside plain lyrics.

    Args:
        key: of the song.
        path: of its audio.
        audio: what the audio's header says.
        said: by source, what it says.
        times: by source, the line times of its lyrics.
        saved_sources: where fields came from when the data set was saved; what was edited before stays edited.
    """
    values, sources, extra = _merged(said)
    _settle_instrumental(values, sources)
    lyrics_source = sources.get("lyrics")
    own = times.get(lyrics_source, ()) if lyrics_source is not None else ()
    lyric_times = own or next((times[source] for source in _ORDER if times.get(source)), ())
    sources.update({name: source for name, source in (saved_sources or {}).items() if name in sources})
    if "language" not in values and values.get("lyrics"):
        guess = guess_language(values["lyrics"])
        if guess is not None:
            values["language"], sources["language"] = guess, Source.GUESSED
    return Song(key=key, audio_path=path, audio=audio, lyric_times=lyric_times, sources=sources, extra=extra, **values)


def _merged(said: Said) -> tuple[dict[str, Any], dict[str, Source], dict[str, Any]]:
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    extra: dict[str, Any] = {}
    for source in _ORDER:
        reading = said.get(source)
        if reading is None:
            continue
        for name, value in reading.values.items():
            if name not in values:
                values[name], sources[name] = value, source
        for name, value in reading.extra.items():
            extra.setdefault(name, value)
    return values, sources, extra


def _settle_instrumental(values: dict[str, Any], sources: dict[str, Source]) -> None:
    """Lyrics from a stronger source than the one that calls the song instrumental overrule it."""
    if not values.get("is_instrumental") or "lyrics" not in values:
        return
    if _ORDER.index(sources["lyrics"]) < _ORDER.index(sources["is_instrumental"]):
        del values["is_instrumental"], sources["is_instrumental"]
