"""What an estimate measures in which order: songs that a training run would train on, and the bands of timesteps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sidestep_tui.config.jobs import EstimateSettings
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.config.train import ValidationSettings
from sidestep_tui.engine.data.manifest import Manifest, SongEntry
from sidestep_tui.engine.data.songs import split_songs
from sidestep_tui.runs.events import BANDS


@dataclass(frozen=True, slots=True)
class Draw:
    """One measurement: a song and the band that its timestep lies in."""

    number: int
    song: SongEntry
    band: int

    @property
    def objective(self) -> ObjectiveSettings:
        """Timesteps spread evenly over the band, with every condition kept."""
        third = 1 / len(BANDS)
        low, high = self.band * third, min(1.0, (self.band + 1) * third)
        return ObjectiveSettings(timesteps="uniform", timestep_low=low, timestep_high=high, condition_dropout=0)


def songs_to_measure(manifest: Manifest, settings: EstimateSettings) -> tuple[SongEntry, ...]:
    """The songs without those that are held out of training: ranks that follow them would leak them into a run.

    Held out are the songs that the data set marks; where it marks none, those that a training run of the same seed
    draws unless its `validation.songs` says otherwise.

    Raises:
        SidestepError: the folder has no song, or every song is held out.
    """
    split = split_songs(manifest, settings.tensors, ValidationSettings().songs, settings.seed)
    return tuple(item.song for item in split.training if item.repeat == 0)


def draws(songs: Sequence[SongEntry], begin: int, end: int) -> Iterator[Draw]:
    """The draws from number `begin` to before `end`.

    Songs come in turn, and for each of them the bands, so that a few batches already cover both.
    """
    for number in range(begin, end):
        turn, place = divmod(number, len(songs))
        yield Draw(number, songs[place], (turn + place) % len(BANDS))
