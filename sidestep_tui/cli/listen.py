"""`sidestep listen RUN`: the spectrograms of two samples beside each other, and the line that fetches each over SSH."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import numpy as np
from rich.color import Color
from rich.console import Console, Group, RenderableType
from rich.style import Style
from rich.text import Text

from sidestep_tui.cli.output import Output
from sidestep_tui.cli.parser import Parser
from sidestep_tui.cli.tables import Column, FittedTable
from sidestep_tui.dataset.sound import (
    LABEL_CELLS,
    LEVELS,
    Sound,
    drawn_levels,
    frequency_labels,
    look_at,
    time_line,
)
from sidestep_tui.dataset.text import printable
from sidestep_tui.errors import ExitCode, SidestepError, UsageError
from sidestep_tui.report.samples import Group as SongGroup
from sidestep_tui.report.samples import Take, find_groups
from sidestep_tui.runs.history import find_run, summarise
from sidestep_tui.runs.remote import copy_command

_ROWS: Final = 14
_GAP: Final = 2
_NARROWEST: Final = 20
_WIDEST: Final = 100
_COLUMNS: Final = (
    Column("", least=1),
    Column(""),
    Column("SAMPLE", least=14),
    Column("PROMPT", goes=1, least=12),
    Column("SEED", goes=2),
)
_MANY_COLOURS: Final = ("256", "truecolor", "windows")
_SHADES: Final = " ░▒▓█"
_QUIET, _LOUD = (38, 38, 38), (255, 175, 95)


@dataclass(frozen=True, slots=True)
class _Sample:
    """A sample of the run with the number that people choose it by."""

    number: int
    group: SongGroup
    take: Take

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "number": self.number,
            "prompt": self.group.prompt,
            "seed": self.group.seed,
            "conditions": dict(self.group.conditions),
            "label": self.take.label,
            "step": self.take.step,
            "path": self.take.path,
            "exists": self.take.path.is_file(),
            "copy": copy_command(self.take.path),
        }


def configure(parser: Parser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("name", metavar="RUN", help="a run's folder or name")
    parser.add_argument(
        "--samples", metavar="A,B", help="two numbers of the list (default: the last two checkpoints of one prompt)"
    )
    parser.set_defaults(call=_run)


def _run(options: Namespace, out: Output) -> int:
    groups = find_groups(summarise(find_run(options.name)))
    places = ((group, take) for group in groups for take in group.takes)
    samples = [_Sample(n, group, take) for n, (group, take) in enumerate(places, start=1)]
    if not samples:
        raise SidestepError(
            "The run has no samples.",
            where=options.name,
            fix="make some: `sidestep generate --adapter RUN/final …`",
        )
    pair = _chosen(samples, options.samples)
    document = {"samples": [sample.document() for sample in samples], "shown": [sample.number for sample in pair]}
    out.show(document, lambda: _render(samples, pair, out.console))
    out.say("")
    out.say("To fetch one, on the machine in front of you:")
    for sample in pair:
        out.say(f"  {copy_command(sample.take.path)}")
    return ExitCode.DONE


def _chosen(samples: Sequence[_Sample], wanted: str | None) -> list[_Sample]:
    """The samples that were asked for; else the last two that differ in their adapter alone, where most such lie."""
    if wanted is not None:
        by_number = {str(sample.number): sample for sample in samples}
        numbers = [number.strip() for number in wanted.split(",")]
        if not 1 <= len(numbers) <= 2 or any(number not in by_number for number in numbers):
            raise UsageError(
                f"{wanted!r} names no two samples.", where="--samples", fix=f"two numbers from 1 to {len(samples)}"
            )
        return [by_number[number] for number in numbers]
    there = (sample for sample in samples if sample.take.path.is_file())
    alike = (list(several) for _, several in groupby(there, key=lambda sample: sample.group))
    # Of one step there may be two, `final` and its checkpoint: they sound the same.
    told_apart = [list({_weights(sample.take): sample for sample in several}.values()) for several in alike]
    return max(reversed(told_apart), key=len, default=[])[-2:]  # of several the newest


def _weights(take: Take) -> str | int:
    """What is the same for takes of the same weights."""
    is_mixed = "×" in take.label or "+" in take.label
    return take.label if take.is_base or take.step is None or is_mixed else take.step


def _render(samples: Sequence[_Sample], pair: Sequence[_Sample], console: Console) -> RenderableType:
    parts: list[RenderableType] = [_list(samples, pair)]
    sounds = [(sample, look_at(sample.take.path)) for sample in pair]
    if sounds:
        width = (console.width - _GAP * (len(sounds) - 1)) // len(sounds) - LABEL_CELLS
        parts += [Text(), *_beside(sounds, min(_WIDEST, width), coloured=_shows_shades(console))]
    return Group(*parts)


def _shows_shades(console: Console) -> bool:
    """Whether the colours of loud and quiet can be told apart; sixteen have one or two for all of them."""
    return console.color_system in _MANY_COLOURS and not console.no_color


def _list(samples: Sequence[_Sample], pair: Sequence[_Sample]) -> FittedTable:
    rows = []
    for sample in samples:
        lost = "" if sample.take.path.is_file() else "  (gone)"
        mark = "▸" if sample in pair else ""
        cells = (mark, str(sample.number), f"{sample.take.label}{lost}", _told(sample.group), str(sample.group.seed))
        rows.append([printable(cell) for cell in cells])
    return FittedTable(_COLUMNS, rows)


def _told(group: SongGroup) -> str:
    """The prompt, and behind it what else tells songs of the same words apart."""
    return ", ".join((group.prompt, *(f"{path} {value}" for path, value in group.conditions if path != "lyrics")))


def _beside(sounds: Sequence[tuple[_Sample, Sound]], columns: int, *, coloured: bool) -> Iterator[Text]:
    """The pictures next to each other, or below each other where a terminal is too narrow for both."""
    if columns < _NARROWEST and len(sounds) > 1:
        for one in sounds:
            yield from _beside([one], 2 * columns + LABEL_CELLS + _GAP, coloured=coloured)
        return
    pictures = [_picture(sample, sound, columns, coloured) for sample, sound in sounds]
    for lines in zip(*pictures, strict=True):
        yield Text(" " * _GAP).join(lines)


def _picture(sample: _Sample, sound: Sound, columns: int, coloured: bool) -> list[Text]:
    """A title, the spectrum over time with its frequencies, and the times; every line as wide."""
    width = columns + LABEL_CELLS
    level = sound.measures.loudness if sound.measures is not None else None
    told = f"{sample.number} {printable(sample.take.label)}, {'silent' if level is None else f'{level:.1f} LUFS'}"
    title = Text(told, style="bold")
    title.truncate(width, overflow="ellipsis", pad=True)
    levels = drawn_levels(sound, columns, 2 * _ROWS)
    lines = [
        Text(label, style="dim") + _cells(levels[-1 - 2 * row], levels[-2 - 2 * row], coloured)
        for row, label in enumerate(frequency_labels(_ROWS))
    ]
    return [title, *lines, Text(" " * LABEL_CELLS + time_line(sound.seconds, columns), style="dim")]


def _cells(upper: np.ndarray, lower: np.ndarray, coloured: bool) -> Text:
    """Two bands in each line as half blocks of two colours; shades of grey where there are no colours."""
    if not coloured:
        louder = np.maximum(upper, lower)
        return Text("".join(_SHADES[int(level) * (len(_SHADES) - 1) // (LEVELS - 1)] for level in louder))
    line = Text()
    cells = zip(upper.tolist(), lower.tolist(), strict=True)
    for (above, below), alike in groupby(cells):  # fewer bytes on a slow line
        line.append("▀" * len(list(alike)), Style(color=_colour(above), bgcolor=_colour(below)))
    return line


def _colour(level: int) -> Color:
    share = level / (LEVELS - 1)
    return Color.from_rgb(*(low + share * (high - low) for low, high in zip(_QUIET, _LOUD, strict=True)))
