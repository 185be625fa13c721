"""What the rest of the program knows of a data set: songs with their fields, where each value came from, what failed.

Everything here is immutable; edits make new songs (`edits`), so that undo and comparison cost nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

TagPosition = Literal["prepend", "append", "replace"]
Normalization = Literal["none", "peak", "lufs"]
INSTRUMENTAL = "[Instrumental]"
"""The lyric text that the model was trained to read as "nobody sings"."""


class Source(StrEnum):
    """Where a field's value came from, strongest first: the first source that has a value for a field gives it.

    This order is the precedence; nothing else in the program repeats it.
    """

    EDITED = "edited"
    """Changed in Side-Step since the data set was read."""
    DATASET = "dataset"
    """The saved data set (ACE-Step's dataset JSON)."""
    LYRICS_FILE = "lyrics.txt"
    """NAME.lyrics.txt: lyrics, with times if it is written like an LRC file."""
    TEXT_FILE = "txt"
    """NAME.txt, the older name for lyrics; read only where NAME.lyrics.txt is absent."""
    CAPTION_FILE = "caption.txt"
    """NAME.caption.txt: the caption."""
    JSON = "json"
    """NAME.json: any field."""
    LRC = "lrc"
    """NAME.lrc: line times always, lyrics where nothing above has them."""
    CSV = "csv"
    """A row of a table in the song's folder or one above it, as Key-BPM-Finder exports it."""
    TAGS = "tags"
    """Tags inside the audio file."""
    PROVIDER = "provider"
    """Written by a labelling provider (a model, a lyrics data base), and not yet looked at."""
    GUESSED = "guessed"
    """Worked out here: tempo, key and metre from the sound, the language from the script of the lyrics."""
    DEFAULT = "default"
    """Nobody said anything."""


class Severity(StrEnum):
    """How much a finding matters: an error keeps the song from training, a warning probably harms the adapter."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at before training."""

    severity: Severity
    code: str
    """A stable name such as `missing-caption`, for filters and scripts."""
    message: str
    """English; `texts.spoken.spoken` gives it, and the fix, in the language of the reader."""
    song: str | None = None
    """The key of the song; None when the finding is about the whole data set."""
    fix: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """The same as a JSON-able document, in English."""
        return {
            "severity": self.severity.value,
            "code": self.code,
            "song": self.song,
            "message": str(self.message),
            "fix": None if self.fix is None else str(self.fix),
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """A file or folder that could not be read. The rest of the data set does not suffer from it."""

    key: str
    """Path relative to the data set's root where there is one."""
    reason: str
    fix: str | None = None
    record: Mapping[str, Any] | None = None
    """The saved sample whose audio was not found: written back when the data set is saved, so nothing is lost."""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What the header of an audio file says."""

    duration: float
    """Seconds."""
    sample_rate: int
    channels: int
    codec: str
    """Such as `mp3`, `pcm_16`, `vorbis`, `aac`."""
    size: int
    """Bytes."""
    mtime_ns: int
    """Time of last change, nanoseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class LyricTime:
    """When a line of the lyrics begins; an empty line marks where singing pauses."""

    seconds: float
    line: str


@dataclass(frozen=True, slots=True)
class Belief:
    """How sure the source of a guessed field was. It goes when a person sets the field."""

    by: str
    """The analyser or provider, such as `builtin` or `gemini`."""
    confidence: float | None = None
    """0 to 1; None where it was not said."""
    second: str | None = None
    """The next best value, to be taken with one key: half the tempo, the relative key."""

    def as_dict(self) -> dict[str, str | float | None]:
        """The same as a JSON-able document."""
        return {"by": self.by, "confidence": self.confidence, "second": self.second}


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """One audio file and everything known about it.

    The fields from `caption` to `reviewed` can be edited; `fields.FIELDS` declares how each is read and named.
    """

    key: str
    """Path relative to the data set's root, with forward slashes: the identity of the song."""
    audio_path: Path
    audio: AudioInfo
    caption: str = ""
    genre: str = ""
    lyrics: str = ""
    """Without times. Empty when there are none; never the placeholder `[Instrumental]`."""
    bpm: int | None = None
    keyscale: str = ""
    """As the model reads it: `F# minor`, `Bb major`."""
    timesignature: str = ""
    """Beats in a bar: `4` for 4/4."""
    language: str = "unknown"
    """ISO 639-1 code of the lyrics, or `unknown`."""
    is_instrumental: bool | None = None
    """None when nobody has said."""
    custom_tag: str = ""
    """The song's own trigger tag; where empty, the data set's applies."""
    prompt_override: Literal["caption", "genre"] | None = None
    """Which text becomes the prompt, whatever the genre ratio says."""
    repeat: int = 1
    """How often the song is seen in one epoch."""
    trim_start: float | None = None
    """Seconds that are left out at the beginning of the file; None where the data set decides."""
    trim_end: float | None = None
    """Seconds from the beginning of the file where the song ends; None where the data set decides."""
    gain_db: float | None = None
    """By how much the song is made louder, in dB; None where the data set decides."""
    held_out: bool = False
    """It never trains: a run measures on it whether it learns or memorises."""
    reviewed: bool = False
    """Somebody has looked at all of it and found it good."""
    lyric_times: tuple[LyricTime, ...] = ()
    """Line times from LRC lyrics, in order, so that a crop can take the lyrics it contains."""
    sources: Mapping[str, Source] = field(default_factory=dict)
    """Field name to where its value came from; a field that is not here has its default."""
    beliefs: Mapping[str, Belief] = field(default_factory=dict)
    """Field name to how sure its guess is; only for fields that nobody has confirmed."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Fields of other tools, as they were written, and values that could not be understood."""

    @property
    def duration(self) -> float:
        """Seconds of audio."""
        return self.audio.duration

    def source(self, name: str) -> Source:
        """Where the value of the field `name` came from."""
        return self.sources.get(name, Source.DEFAULT)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetMetadata:
    """What holds for all songs of a data set."""

    name: str = "untitled"
    custom_tag: str = ""
    """Trigger tag put into every prompt."""
    tag_position: TagPosition = "prepend"
    genre_ratio: int = 0
    """Percent of songs whose prompt is the genre instead of the caption."""
    all_instrumental: bool = False
    """Songs without lyrics are instrumentals on purpose."""
    trim_silence: bool = False
    """Songs begin and end where their sound does."""
    normalization: Normalization = "none"
    """What songs are brought to: one peak, one loudness, or nothing."""
    target_lufs: float = -14.0
    """The loudness of `lufs`, integrated, in LUFS."""
    created_at: str = ""
    """ISO 8601; empty until the data set is first saved."""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SavedState:
    """The file that a data set was read from and what it held, to notice that another session has changed it."""

    path: Path
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Songs in the order of their keys, with what could not be read and what was odd while reading."""

    root: Path
    """Folder that the keys are relative to."""
    songs: tuple[Song, ...] = ()
    metadata: DatasetMetadata = field(default_factory=DatasetMetadata)
    failures: tuple[Failure, ...] = ()
    findings: tuple[Finding, ...] = ()
    """What the readers noticed; `findings.check_dataset` adds what only a look at the whole shows."""
    saved: SavedState | None = None
    """None for a data set that was scanned from a folder and not saved yet."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Other members of the saved document beside its samples."""
    replayed: tuple[str, ...] = ()
    """Editing sessions whose unsaved edits were found in the journal and applied."""

    @property
    def place(self) -> Path:
        """What it is opened by: the file that it was saved in, else the folder that it was scanned from."""
        return self.root if self.saved is None else self.saved.path

    def by_key(self) -> dict[str, Song]:
        """Songs by key, for look-ups."""
        return {song.key: song for song in self.songs}
