"""A data set under review: its session, which songs are shown in which order, which are marked. No Textual here."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from posixpath import splitext
from typing import Any

from sidestep_tui.dataset.edits import Edit
from sidestep_tui.dataset.effective import genre_songs
from sidestep_tui.dataset.fixes import Fix, fix_for
from sidestep_tui.dataset.label_measures import MeasureCache
from sidestep_tui.dataset.measure import Measures
from sidestep_tui.dataset.prompts import lyric_prompt, song_fields, text_prompt
from sidestep_tui.dataset.session import EditSession
from sidestep_tui.dataset.song import Dataset, Finding, Song
from sidestep_tui.dataset.sound import SoundCache
from sidestep_tui.dataset.treatment import Treatment, treatment_of
from sidestep_tui.tui.dataset.checks import Checks
from sidestep_tui.tui.dataset.columns import COLUMNS, Column
from sidestep_tui.tui.dataset.query import parse_query
from sidestep_tui.tui.dataset.tokens import TokenCount

_CHECK_AT_ONCE = 200
"""An edit of more songs than this leaves their findings to the next whole check."""


@dataclass(frozen=True, slots=True)
class Order:
    """How the songs are sorted."""

    column: Column = COLUMNS["song"]
    reverse: bool = False


class Review:
    """What the screens show and change; they share one.

    An edit never moves a song or takes it out of sight: the order is made anew only when a query or an order is given.
    """

    def __init__(self, session: EditSession) -> None:
        self.session = session
        self.measures = MeasureCache()
        """What is known of the sound of songs, from whoever measured it."""
        self.checks: Checks = Checks(self.measures)
        self.marked: set[str] = set()
        self.query = ""
        self.order = Order()
        self.sounds = SoundCache()
        self.model: Path | None = None
        """The model folder whose tokenizer counts."""
        self.tokens: dict[str, TokenCount] = {}
        """By the text of the prompt."""
        self.stale = False
        """Whether findings wait for a whole check."""
        self.saving = False
        """Whether a save is being written, in a thread."""
        self._dataset = session.dataset
        self._genre_songs: tuple[int, frozenset[str]] = (0, frozenset())
        self.songs: dict[str, Song] = self._dataset.by_key()
        self.shown: list[str] = []
        stems = Counter(splitext(key)[0] for key in self.songs)
        self.shared_stems = frozenset(stem for stem, songs in stems.items() if songs > 1)
        """What the keys of several songs are but for the ending."""
        self.show()

    @property
    def dataset(self) -> Dataset:
        """The data set with all edits."""
        return self.session.dataset

    @property
    def reviewed(self) -> int:
        """How many songs were accepted."""
        return sum(song.reviewed for song in self.songs.values())

    def prompts(self, key: str) -> tuple[str, str]:
        """The exact text prompt and lyric prompt of a song, as preprocessing will make them."""
        metadata = self.dataset.metadata
        if self._genre_songs[0] != metadata.genre_ratio:
            self._genre_songs = (metadata.genre_ratio, genre_songs(self.dataset))
        song = self.songs[key]
        fields = song_fields(
            song, metadata, use_genre=key in self._genre_songs[1], duration=self.treatment(song).seconds(song.duration)
        )
        return text_prompt(fields), lyric_prompt(fields)

    def treatment(self, song: Song) -> Treatment:
        """How a song is trimmed and how much louder it becomes for the model."""
        return treatment_of(song, self.dataset.metadata, self.measures.known(song))

    def fix_for(self, finding: Finding) -> Fix | None:
        """What one key does about a finding; None for one about no song, or that no field can mend."""
        song = self.songs.get(finding.song or "")
        return None if song is None else fix_for(finding, song, self.dataset.metadata, self.measures.known(song))

    def heard(self, song: Song, measures: Measures) -> None:
        """Takes over what was measured of a song."""
        self.measures.store(song, measures)
        self.checks.update(self._dataset, [self.songs[song.key]])

    def show(self, query: str | None = None, order: Order | None = None, *, unless_empty: bool = False) -> int:
        """Filters and sorts the songs anew; what is not given stays.

        Args:
            query: as `parse_query` reads it.
            order: how to sort.
            unless_empty: nothing changes where no song fits.

        Returns:
            How many songs fit.

        Raises:
            UsageError: the query cannot be understood; nothing changes.
        """
        text = self.query if query is None else query
        fits = parse_query(text, self.checks, self.marked)
        chosen = [song for song in self.dataset.songs if fits(song)]
        if unless_empty and not chosen:
            return 0
        self.query, self.order = text, order or self.order
        value = self.order.column.value
        known = [song for song in chosen if value(song, self) is not None]
        unknown = [song.key for song in chosen if value(song, self) is None]
        known.sort(key=lambda song: value(song, self), reverse=self.order.reverse)
        self.shown = [song.key for song in known] + unknown  # what nobody knows comes last either way
        return len(chosen)

    def edit(self, keys: Collection[str], changes: Mapping[str, Any]) -> None:
        """Sets fields of songs; errors as `EditSession.edit`."""
        self.session.edit(keys, changes)
        self._follow()

    def apply_all(self, edits: Sequence[Edit]) -> None:
        """Does edits as one step; errors as `EditSession.edit`."""
        self.session.apply_all(edits)
        self._follow()

    def edit_metadata(self, changes: Mapping[str, Any]) -> None:
        """Sets fields of the data set; errors as `EditSession.edit_metadata`."""
        self.session.edit_metadata(changes)
        self._follow()

    def undo(self) -> Song | None:
        """Takes the last edit back and gives the first song that it changes, if it changes one."""
        self.session.undo()
        return self._follow()

    def redo(self) -> Song | None:
        """Does the last undone edit again and gives the first song that it changes."""
        self.session.redo()
        return self._follow()

    def take_findings(self, checked: Dataset, findings: Iterable[Finding]) -> bool:
        """Takes over a whole check; False where so much has changed since it began that another one is needed."""
        pairs = zip(checked.songs, self._dataset.songs, strict=True)
        changed = [new for old, new in pairs if new is not old]
        if checked.metadata != self._dataset.metadata or len(changed) > _CHECK_AT_ONCE:
            return False
        self.checks.replace_all(checked, findings)
        self.checks.update(self._dataset, changed)
        self.stale = False
        return True

    def saved(self) -> None:
        """Takes over what the session holds after a save: the same songs, a later version."""
        self._dataset = self.session.dataset

    def mark(self, keys: Iterable[str]) -> None:
        """Marks these songs, or takes their marks away where all of them have one."""
        chosen = set(keys)
        self.marked = self.marked - chosen if chosen <= self.marked else self.marked | chosen

    def next_unreviewed(self, after: str) -> str | None:
        """The next song in the order shown that was not accepted, from the top again after the last."""
        place = self.shown.index(after) + 1 if after in self.shown else 0
        following = self.shown[place:] + self.shown[:place]
        return next((key for key in following if not self.songs[key].reviewed), None)

    def find(self, text: str) -> str | None:
        """The song to jump to: a number counts from 1 in the order shown, a text is looked for in the names."""
        if text.isdecimal():
            return self.shown[min(int(text), len(self.shown)) - 1] if self.shown and int(text) else None
        folded = text.casefold()
        names = [(key, key.rpartition("/")[2].casefold()) for key in self.shown]
        starting = next((key for key, name in names if name.startswith(folded)), None)
        return starting or next((key for key in self.shown if folded in key.casefold()), None)

    def _follow(self) -> Song | None:
        """Brings everything that was derived from the data set up to date."""
        before, self._dataset = self._dataset, self.session.dataset
        pairs = zip(before.songs, self._dataset.songs, strict=True)
        changed = [new for old, new in pairs if new is not old]
        self.songs.update((song.key, song) for song in changed)
        if before.metadata != self._dataset.metadata or len(changed) > _CHECK_AT_ONCE:
            self.stale = True
        else:
            self.checks.update(self._dataset, changed)
        return changed[0] if changed else None
