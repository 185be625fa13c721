"""A song drawn in the terminal: its waveform, below it its spectrum over time, and what was measured of both."""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.color import Color
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from sidestep_tui.dataset.measure import Measures
from sidestep_tui.dataset.sound import LABEL_CELLS, LEVELS, Sound, drawn_levels, frequency_labels, time_line
from sidestep_tui.dataset.treatment import Treatment
from sidestep_tui.texts import _
from sidestep_tui.tui.chart.canvas import Canvas
from sidestep_tui.tui.dataset.columns import minutes
from sidestep_tui.tui.text import clean, pad, shorten
from sidestep_tui.tui.themes import rich_style

_SHADES: Final = " ░▒▓█"
_WAVE_SHARE: Final = 0.3


class SoundView(Widget, can_focus=True):
    """Draws `sound`; says `notice` while there is none."""

    DEFAULT_CSS = "SoundView { height: 1fr; }"

    sound: reactive[Sound | None] = reactive(None)
    notice: reactive[str] = reactive("")
    treatment: reactive[Treatment] = reactive(Treatment())
    """What the song is trimmed to and how much louder it becomes; what is cut off is drawn faint."""
    whole: reactive[Measures | None] = reactive(None)
    """What is known of the whole of a recording that is too long to be decoded for a picture."""

    def __init__(self) -> None:
        super().__init__(id="sound-view")
        self._lines: list[Strip] = []
        self._drawn: tuple[object, ...] = ()

    def render_line(self, y: int) -> Strip:
        """One line of the picture, which is drawn once for each size, song and theme."""
        wanted = (self.sound, self.notice, self.treatment, self.whole, self.size, self.app.theme)
        if wanted != self._drawn:
            self._lines = [strip.adjust_cell_length(self.size.width, self.rich_style) for strip in self._draw()]
            self._drawn = wanted
        return self._lines[y] if y < len(self._lines) else Strip.blank(self.size.width, self.rich_style)

    def _draw(self) -> Iterator[Strip]:
        muted = self.rich_style + rich_style(self, "text-muted")
        columns, rows = self.size.width - LABEL_CELLS, self.size.height - 2
        if self.sound is None or columns < 8 or rows < 4:
            yield from (Strip([Segment(line, muted)]) for line in in_lines(clean(self.notice), self.size))
            return
        wave = max(2, round(rows * _WAVE_SHARE))
        yield from self._waveform(self.sound, columns, wave)
        yield Strip([Segment(" " * LABEL_CELLS + time_line(self.sound.seconds, columns), muted)])
        yield from self._spectrogram(self.sound, columns, rows - wave)
        figures = measured(self.sound, self.whole, self.treatment)
        yield Strip([Segment(pad(figures, self.size.width), muted)])

    def _waveform(self, sound: Sound, columns: int, rows: int) -> Iterator[Strip]:
        """Braille dots from the lowest to the highest sample of each dot column; full scale fills the height.

        Samples are as loud as the model will hear them.
        """
        canvas = Canvas(columns, rows)
        middle = (canvas.dots_high - 1) / 2
        low, high = (10 ** (self.treatment.gain_db / 20) * side for side in _columns(sound, canvas.dots_wide))
        for x in range(canvas.dots_wide):
            top = round(middle * (1 - float(np.clip(high[x], -1, 1))))
            bottom = round(middle * (1 - float(np.clip(low[x], -1, 1))))
            canvas.vertical(x, top, max(top, bottom), 1)
        style, faint = (self.rich_style + rich_style(self, name) for name in ("curve-smooth", "text-muted"))
        start, end = _kept(self.treatment, sound.seconds, columns)
        for row in range(rows):
            text = "".join(character for character, _ in canvas.row(row))
            parts = ((text[:start], faint), (text[start:end], style), (text[end:], faint))
            yield Strip([Segment(" " * LABEL_CELLS, self.rich_style), *(Segment(*part) for part in parts if part[0])])

    def _spectrogram(self, sound: Sound, columns: int, rows: int) -> Iterator[Strip]:
        """Two bands in each line, as an upper half block on its lower neighbour's colour; brighter is louder.

        A terminal of few colours gets shades of one, the louder of both bands in each line.
        """
        muted = self.rich_style + rich_style(self, "text-muted")
        levels = drawn_levels(sound, columns, 2 * rows)
        labels = frequency_labels(rows)
        low, high = (Color.parse(self.app.theme_variables[name]) for name in ("heat-low", "heat-high"))
        plain = low.ansi is not None or high.ansi is not None or self.app.has_class("-few-colours")
        background = Color.parse(self.app.theme_variables["background"])
        for row in range(rows):
            upper, lower = levels[-1 - 2 * row], levels[-2 - 2 * row]
            label = Segment(labels[row], muted)
            if plain:
                louder = np.maximum(upper, lower)
                text = "".join(_SHADES[int(level) * (len(_SHADES) - 1) // (LEVELS - 1)] for level in louder)
                yield Strip([label, Segment(text, self.rich_style)])
            else:
                yield Strip([label, *_half_blocks(upper, lower, _palette(background, low, high))])


def in_lines(text: str, room: Size) -> list[str]:
    """The text broken between words into lines as wide as the room; what it has no lines for is cut with `…`."""
    if not room.width or not room.height:
        return []
    lines = [line.plain.rstrip() for line in Content(text).wrap(room.width)]
    if len(lines) <= room.height:
        return lines
    rest = " ".join(lines[room.height - 1 :])
    return [*lines[: room.height - 1], shorten(rest, room.width)]


def measured(sound: Sound, whole: Measures | None, treatment: Treatment) -> str:
    """The measures of the file in one line, and what becomes of it; what to do where a long one has none."""
    measures = sound.measures or whole
    drawn = "" if sound.measures is not None else _("drawn to {time}").format(time=minutes(sound.seconds))
    if measures is None:
        return _("{drawn}  labelling measures it").format(drawn=drawn)
    loudness = _("silent") if measures.loudness is None else f"{measures.loudness:.1f} LUFS"
    peak = 20 * np.log10(measures.peak) if measures.peak else -np.inf
    parts = [
        loudness,
        _("peak {peak:.1f} dB").format(peak=peak),
        _("up to {highest:.1f} kHz").format(highest=measures.bandwidth / 1000),
    ]
    if measures.clipped_runs:
        parts.append(_("clips ×{count}").format(count=measures.clipped_runs))
    if max(measures.silence_start, measures.silence_end) >= 0.5:
        parts.append(
            _("silence {start:.1f} s, {end:.1f} s").format(start=measures.silence_start, end=measures.silence_end)
        )
    if treatment.gain_db:
        parts.insert(1, f"{treatment.gain_db:+.1f} dB")
    if treatment.start or treatment.end is not None:
        end = _("end") if treatment.end is None else minutes(treatment.end)
        parts.insert(0, _("trimmed to {start}–{end}").format(start=minutes(treatment.start), end=end))
    return "  ".join(filter(None, (drawn, *parts)))


def _kept(treatment: Treatment, seconds: float, columns: int) -> tuple[int, int]:
    """The columns from the first to before the last that the model hears."""
    per_second = columns / max(seconds, 1e-9)
    end = columns if treatment.end is None else math.ceil(treatment.end * per_second)
    return int(treatment.start * per_second), min(columns, end)


def _columns(sound: Sound, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest sample in each of `count` columns."""
    slices = sound.low.size
    starts = np.minimum((np.arange(count) * slices) // count, slices - 1)
    if count >= slices:
        return sound.low[starts], sound.high[starts]
    return np.minimum.reduceat(sound.low, starts), np.maximum.reduceat(sound.high, starts)


def _palette(background: Color, low: Color, high: Color) -> list[Color]:
    """Colours from silence to loud."""
    steps = [background.blend(low, 0.6)]
    return steps + [low.blend(high, level / (LEVELS - 1)) for level in range(1, LEVELS)]


def _half_blocks(upper: np.ndarray, lower: np.ndarray, palette: list[Color]) -> Iterator[Segment]:
    """Neighbours of the same two colours become one segment: fewer bytes on a slow line."""
    start = 0
    for place in range(1, upper.size + 1):
        if place == upper.size or (upper[place], lower[place]) != (upper[start], lower[start]):
            style = RichStyle(color=palette[upper[start]].rich_color, bgcolor=palette[lower[start]].rich_color)
            yield Segment("▀" * (place - start), style)
            start = place
