"""What has to be encoded: each song with its prompts' fields, and an identity.

The identity changes exactly when the song's tensors would. It has two halves, audio and texts, so that a corrected
caption does not send the audio through the VAE again.
"""

import hashlib
import re
from dataclasses import astuple, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

import torch

from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.acestep.model_config import LATENT_RATE
from sidestep_tui.config.jobs import PreprocessSettings
from sidestep_tui.dataset.effective import genre_songs
from sidestep_tui.dataset.label import label_dataset
from sidestep_tui.dataset.label_measures import MeasureCache
from sidestep_tui.dataset.prompts import SongFields, song_fields
from sidestep_tui.dataset.song import Dataset, LyricTime, Song
from sidestep_tui.dataset.treatment import Treatment, needs_measures, treated_times, treatment_of
from sidestep_tui.dataset.wordings import Wording, WordingLaw, word
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.data.manifest import VERSION
from sidestep_tui.engine.preprocess.descriptions import CropGrid
from sidestep_tui.told import told_many

_REPEATS: Final = re.compile(r"([1-9]\d{0,3})_.+", re.ASCII)


@dataclass(frozen=True, slots=True)
class PlannedSong:
    """A song to be encoded.

    Attributes:
        key: its identity in the data set.
        audio_path: where the audio lies.
        fields: what its prompts say; the duration is put in when the audio has been decoded.
        audio_source: identifies the audio and how it is encoded.
        text_source: identifies the texts and how they are encoded.
        repeat: how often an epoch sees it.
        held_out: it is measured and never trained on.
        treatment: where the audio begins and ends, and how much louder it becomes.
        wordings: of its caption, that of `fields` first.
        times: of its lyrics' lines, counted from where the treated audio begins.
        crops: which of its crops get prompts of their own; None for none.
    """

    key: str
    audio_path: Path
    fields: SongFields
    audio_source: str
    text_source: str
    repeat: int
    held_out: bool
    treatment: Treatment
    wordings: tuple[Wording, ...]
    times: tuple[LyricTime, ...] = ()
    crops: CropGrid | None = None

    @property
    def source(self) -> str:
        """Identifies everything that the song's tensors depend on."""
        return f"{self.audio_source}-{self.text_source}"


class Planner:
    """Plans the songs of one data set for one model and precision.

    Args:
        dataset: the songs.
        settings: of the job.
        checkpoint: its fingerprint enters every identity.
        dtype: in which the encoders compute.
        measures: of songs that have to be measured to be trimmed or normalised; see `measure_first`.
    """

    def __init__(
        self,
        dataset: Dataset,
        settings: PreprocessSettings,
        checkpoint: Checkpoint,
        dtype: torch.dtype,
        measures: MeasureCache,
    ) -> None:
        if settings.genre_ratio is not None:
            dataset = replace(
                dataset, metadata=replace(dataset.metadata, genre_ratio=round(100 * settings.genre_ratio))
            )
        self.dataset = dataset
        self.longest = settings.longest_seconds
        self.cut: list[str] = []
        """Keys of the planned songs that are longer."""
        self._measures = measures
        self._folder_repeats = settings.folder_repeats
        self._law = WordingLaw(
            count=settings.caption_variants,
            shuffle=settings.tag_shuffle,
            dropout=settings.tag_dropout,
            genre=settings.encode_genre,
            seed=settings.seed,
        )
        self._crops = (
            None
            if settings.crop_seconds is None
            else CropGrid(round(settings.crop_seconds * LATENT_RATE), round(settings.crop_grid_seconds * LATENT_RATE))
        )
        self._genre_keys = genre_songs(dataset)
        self._made_by = (str(VERSION), checkpoint.fingerprint(), str(dtype))

    def plan(self, song: Song) -> PlannedSong:
        """One song; reads its audio file to identify it.

        Raises:
            OSError: the file cannot be read.
        """
        metadata = self.dataset.metadata
        use_genre = song.key in self._genre_keys
        wordings = word(song, metadata, self._law, use_genre=use_genre)
        fields = song_fields(song, metadata, use_genre=use_genre, duration=0)
        fields = replace(fields, caption=wordings[0].text)
        treatment = treatment_of(song, metadata, self._measures.known(song))
        times = treated_times(song.lyric_times, treatment)
        longest = self.longest if treatment.seconds(song.duration) > self.longest else None
        if longest is not None:
            self.cut.append(song.key)
        with song.audio_path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        return PlannedSong(
            key=song.key,
            audio_path=song.audio_path,
            fields=fields,
            audio_source=_identity(*self._made_by, content, str(longest), *treatment.identity()),
            text_source=_identity(*self._made_by, *map(str, astuple(fields)), *self._further(times, wordings)),
            repeat=song.repeat * (repeats_of_folder(song.key) if self._folder_repeats else 1),
            held_out=song.held_out,
            treatment=treatment.cut_to(self.longest, song.duration),
            wordings=wordings,
            times=times,
            crops=self._crops,
        )

    def _further(self, times: tuple[LyricTime, ...], wordings: tuple[Wording, ...]) -> tuple[str, ...]:
        """What the prompts of crops and of further wordings depend on beside the fields."""
        crops = () if self._crops is None else (str(self._crops), str(times))
        return (*crops, *(f"{wording.kind} {wording.text}" for wording in wordings[1:]))


def measure_first(context: JobContext, dataset: Dataset, measures: MeasureCache) -> None:
    """Measures the songs whose trimming or loudness follows from their sound; what is known is not decoded again.

    A song that cannot be read is named when it is to be encoded.

    Raises:
        StopRequestedError: on request, between two songs.
    """
    keys = [
        song.key for song in dataset.songs if needs_measures(song, dataset.metadata) and measures.known(song) is None
    ]
    if not keys:
        return
    context.phase("measuring", told_many("{count} song", "{count} songs", len(keys)))
    for done, labels in enumerate(label_dataset(dataset, (), keys=keys, measures=measures), start=1):
        context.stop_if_requested()
        context.progress(done, len(keys), "songs", labels.key)


def repeats_of_folder(key: str) -> int:
    """The number that the name of a song's folder begins with, as in `3_ballads/song.wav` (kohya's convention).

    The innermost folder that has one counts; without any it is 1.
    """
    for folder in reversed(PurePosixPath(key).parts[:-1]):
        match = _REPEATS.fullmatch(folder)
        if match is not None:
            return int(match[1])
    return 1


def _identity(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
