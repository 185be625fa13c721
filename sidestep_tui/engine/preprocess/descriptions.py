"""What is said about a song: once of the whole, and of crops as inference would be asked for music of that length."""

from dataclasses import dataclass, replace

from sidestep_tui.acestep.model_config import LATENT_RATE
from sidestep_tui.dataset.crop_lyrics import TimedLyrics, time_lines
from sidestep_tui.dataset.prompts import SongFields
from sidestep_tui.dataset.song import LyricTime
from sidestep_tui.dataset.wordings import Wording, WordingKind
from sidestep_tui.engine.data.conditions import CONDITION, Starts


@dataclass(frozen=True, slots=True)
class CropGrid:
    """Crops of `frames`; their lyrics are encoded for starts that lie at most `step` frames apart."""

    frames: int
    step: int


@dataclass(frozen=True, slots=True)
class Description:
    """One condition sequence to be made: its name, what its prompts say, and the crops that it is for.

    `wording` and `kind` say which of the song's wordings it is; `untimed` crops share the lyrics of the whole song.
    """

    tensor: str
    fields: SongFields
    crop_frames: int | None = None
    starts: Starts = ()
    untimed: bool = False
    wording: int = 0
    kind: WordingKind = "caption"


def describe(
    fields: SongFields,
    wordings: tuple[Wording, ...],
    times: tuple[LyricTime, ...],
    duration: float,
    frames: int,
    grid: CropGrid | None,
) -> tuple[Description, ...]:
    """In every wording the whole song, and its crops where it is longer than one; the first wording comes first.

    The prompt of a crop holds the crop's duration and the lyrics that are sung in it. Lyrics without times stay whole:
    nobody knows which of them a crop holds, and to call it an instrumental would teach the model to sing unasked.

    Args:
        fields: of the song; duration and caption are put in here.
        wordings: of its caption.
        times: of its lines.
        duration: seconds of audio.
        frames: of its latents.
        grid: of crops; None for none.
    """
    plain = _describe_once(replace(fields, duration=duration), times, frames, grid)
    return tuple(
        replace(
            one,
            tensor=one.tensor if number == 0 else f"{one.tensor}.wording.{number}",
            fields=replace(one.fields, caption=wording.text),
            wording=number,
            kind=wording.kind,
        )
        for number, wording in enumerate(wordings)
        for one in plain
    )


def _describe_once(
    fields: SongFields, times: tuple[LyricTime, ...], frames: int, grid: CropGrid | None
) -> tuple[Description, ...]:
    whole = Description(CONDITION, fields)
    if grid is None or frames <= grid.frames:
        return (whole,)
    cropped = replace(fields, duration=grid.frames / LATENT_RATE)
    anywhere: Starts = ((0, frames - grid.frames),)
    timed = time_lines(fields.lyrics, times, fields.duration, LATENT_RATE) if fields.lyrics and times else None
    texts = {fields.lyrics: anywhere} if timed is None else _stretches(timed, frames, grid)
    crops = (
        Description(f"{CONDITION}.crop.{number}", replace(cropped, lyrics=lyrics), grid.frames, starts, timed is None)
        for number, (lyrics, starts) in enumerate(texts.items())
    )
    return whole, *crops


def _stretches(timed: TimedLyrics, frames: int, grid: CropGrid) -> dict[str | None, Starts]:
    """The lyrics of crops, and where crops with exactly these lyrics begin.

    Between two frames at which a line enters or leaves the crop, all starts hold the same lines. Of these stretches
    those are kept that hold a point of the grid, so that a finer grid gives more starts and takes more disk.
    """
    last = frames - grid.frames
    entering = {line.middle - grid.frames + 1 for line in timed.sung}
    leaving = {line.middle + 1 for line in timed.sung}
    borders = sorted({0, *(border for border in entering | leaving if 0 < border <= last)})
    points = {*range(0, last, grid.step), last}
    texts: dict[str | None, Starts] = {}
    for first, after in zip(borders, [*borders[1:], last + 1], strict=True):
        if any(first <= point < after for point in points):
            lyrics = timed.between(first, first + grid.frames)
            texts[lyrics] = (*texts.get(lyrics, ()), (first, after - 1))
    return texts
