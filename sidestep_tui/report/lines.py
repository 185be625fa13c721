"""Line charts as inline SVG: 100,000 points become a few hundred, and the labels keep their size on a phone.

The drawing is stretched to whatever room there is, with strokes that do not scale; the labels are text beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sidestep_tui.charts.running_mean import RunningMean
from sidestep_tui.charts.scale import Array, Scale, fit_scale
from sidestep_tui.report.figures import number
from sidestep_tui.report.html import Html, element, join

_WIDTH, _HEIGHT, _COLUMNS = 2000, 1000, 500
_TICKS: Final = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart.

    Args:
        name: what the legend calls it.
        look: its class in the style sheet: colour, width and dashes.
        x: positions, ascending, shape [points].
        y: values, shape [points]; NaN leaves a gap.
        marked: a dot on every point, for few points.
    """

    name: str
    look: str
    x: Array
    y: Array
    marked: bool = False


def chart(identity: str, title: str, lines: Sequence[Line], *, logarithms: bool = True, note: str = "") -> Html:
    """A figure with a legend and, where it makes sense, a switch between even and logarithmic heights.

    The switch is two radio buttons and a style rule: it works without JavaScript.
    """
    drawn = [line for line in lines if np.isfinite(line.y).any()]
    if not drawn:
        return Html("")
    caption = element("figcaption", title, element("small", f" {note}") if note else None)
    legend = element("ul", *(_legend(line) for line in drawn), class_="legend")
    if not logarithms:
        return element("figure", caption, legend, _plot(title, drawn, False), class_="chart")
    switches = (
        join(
            (
                element(
                    "input", type="radio", name=f"{identity}-scale", id=f"{identity}-{kind}", class_=kind,
                    checked=kind == "even",
                ),
                element("label", word, for_=f"{identity}-{kind}"),
            )
        )
        for kind, word in (("even", "linear"), ("log", "log"))
    )  # fmt: skip
    plots = (_plot(title, drawn, logarithmic) for logarithmic in (False, True))
    return element("figure", caption, *switches, legend, *plots, class_="chart")


def smoothed(values: Array) -> Array:
    """A running mean over 33 points or a fiftieth of all, whichever is more."""
    return np.array(RunningMean(1 - 1 / max(33.0, values.size / 50)).extend(values.tolist()))


def _plot(title: str, lines: Sequence[Line], logarithmic: bool) -> Html:
    first, last = min(line.x[0] for line in lines), max(line.x[-1] for line in lines)
    across = Scale(float(first), float(max(last, first + 1)), logarithmic=False)
    up = fit_scale([line.y for line in lines], logarithmic)
    ticks_up = [(value, 100 - 100 * height) for value, height in _ticks(up)]
    ticks_across = [(value, 100 * height) for value, height in _ticks(across)]
    grid = "".join(f"M0 {height * _HEIGHT / 100:.0f}H{_WIDTH}" for _, height in ticks_up)
    drawing = element(
        "svg",
        element("path", d=grid, class_="grid"),
        *(_path(line, across, up) for line in lines),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}", preserveAspectRatio="none", role="img",
        aria_label=f"{title}, {'logarithmic' if logarithmic else 'linear'}",
    )  # fmt: skip
    return element(
        "div",
        drawing,
        *(element("span", number(value), class_="up", style=f"top:{at:.2f}%") for value, at in ticks_up),
        *(element("span", number(value, 7), class_="across", style=f"left:{at:.2f}%") for value, at in ticks_across),
        class_=f"plot {'of-log' if logarithmic else 'of-even'}",
        data_first=f"{first:g}",
        data_last=f"{across.high:g}",
        data_low=f"{up.low:.9g}",
        data_high=f"{up.high:.9g}",
    )


def _ticks(scale: Scale) -> list[tuple[float, float]]:
    """Round values and their heights."""
    values = scale.ticks(_TICKS)
    return list(zip(values, scale.heights(np.array(values)).tolist(), strict=True))


def _path(line: Line, across: Scale, up: Scale) -> Html:
    x, y = (line.x, line.y) if line.marked else thinned(line.x, line.y, _COLUMNS)
    points = [
        None if high != high else (round(at * _WIDTH), round((1 - high) * _HEIGHT))
        for at, high in zip(across.heights(x).tolist(), up.heights(y).tolist(), strict=True)
    ]
    d = "".join(
        f"{'L' if index and points[index - 1] else 'M'}{point[0]} {point[1]}"
        for index, point in enumerate(points)
        if point
    )
    drawn = element("path", d=d, class_=f"line {line.look}", data_name=line.name)
    if not line.marked:
        return drawn
    # A stroke of no length with round ends is a dot that stays round however the drawing is stretched.
    dots = "".join(f"M{point[0]} {point[1]}h0" for point in points if point)
    return join((drawn, element("path", d=dots, class_=f"dots {line.look}")))


def thinned(x: Array, y: Array, columns: int) -> tuple[Array, Array]:
    """The lowest and the highest point of each of so many columns, in order: what a screen could show of it anyway."""
    if x.size <= 2 * columns:
        return x, y
    edges = np.linspace(0, x.size, columns + 1).astype(int)[:-1]
    lowest, highest = np.fmin.reduceat(y, edges), np.fmax.reduceat(y, edges)
    return np.repeat(x[edges], 2), np.stack([lowest, highest], axis=1).reshape(-1)


def _legend(line: Line) -> Html:
    sample = element(
        "svg",
        element("path", d="M0 5H28", class_=f"line {line.look}"),
        element("path", d="M14 5h0", class_=f"dots {line.look}") if line.marked else None,
        viewBox="0 0 28 10", aria_hidden="true",
    )  # fmt: skip
    return element("li", sample, line.name)
