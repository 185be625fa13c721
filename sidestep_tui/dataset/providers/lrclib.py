"""Lyrics of published songs from LRCLIB's open data base: `/api/get` by title, artist and length. No key, no model."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from sidestep_tui.dataset.providers.base import Answer, Usage
from sidestep_tui.dataset.providers.http import Endpoint, Server
from sidestep_tui.dataset.song import INSTRUMENTAL, Song

BASE_URL: Final = "https://lrclib.net"


@dataclass(frozen=True)
class Lrclib:
    """Lyrics with line times. The server matches lengths within two seconds, so covers and edits are not taken."""

    server: Server
    name: str = "lrclib"
    fields: frozenset[str] = frozenset({"lyrics"})

    def label(self, song: Song, fields: Collection[str]) -> Answer:
        """As `base.Provider.label`; a song without artist and title, or that is not known, has no answer."""
        title, artist = title_and_artist(song)
        if not title or not artist or "lyrics" not in fields:
            return Answer()
        params = {"track_name": title, "artist_name": artist, "duration": str(round(song.duration))}
        found = self.server.get("/api/get", params)
        usage = Usage(1)
        if found is None:
            return Answer(usage=usage)
        if found.get("instrumental") is True:
            return Answer({"lyrics": INSTRUMENTAL}, usage=usage)
        lyrics = found.get("syncedLyrics") or found.get("plainLyrics")
        return Answer({"lyrics": lyrics} if isinstance(lyrics, str) else {}, usage=usage)


def open_lrclib(endpoint: Endpoint) -> Lrclib:
    """LRCLIB, or a server that speaks its protocol."""
    return Lrclib(Server(endpoint))


def title_and_artist(song: Song) -> tuple[str, str]:
    """From the tags or a table; else from a file name like `Artist - Title.mp3`; else empty."""
    told = {name.casefold(): value for name, value in song.extra.items() if isinstance(value, str)}
    title, artist = told.get("title", "").strip(), told.get("artist", "").strip()
    if title and artist:
        return title, artist
    before, dash, after = PurePosixPath(song.key).stem.partition(" - ")
    return (title or after.strip(), artist or before.strip()) if dash else (title, artist)
