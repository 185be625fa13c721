"""The sensitivity map: which kinds of module, in which layers, the songs move most."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from sidestep_tui.charts.sensitivity_grid import make_grid, place_of
from sidestep_tui.errors import SidestepError
from sidestep_tui.report.figures import number
from sidestep_tui.report.html import Html, element, folded, join, name_of, section, table
from sidestep_tui.runs import sensitivity_file
from sidestep_tui.runs.events import ModuleSensitivity

_LEVELS: Final = 9


@dataclass(frozen=True, slots=True)
class Measured:
    """A ranking of modules, and the ranks that were proposed for them where there are any."""

    modules: tuple[ModuleSensitivity, ...]
    ranks: dict[str, int]
    source: str


def read_sensitivity(path: Path) -> Measured | None:
    """The ranking and the proposal of a file that `sidestep estimate` wrote; None where it cannot be read any more."""
    try:
        file = sensitivity_file.read_sensitivity(path)
        modules = tuple(msgspec.convert(entry, ModuleSensitivity) for entry in file.ranking)
    except (SidestepError, msgspec.ValidationError):
        return None
    return Measured(modules, {entry.module: entry.rank for entry in file.proposal}, str(path))


def sensitivity_section(measured: Measured | None) -> Html | None:
    """The heat map and the ranking; None where nothing was measured."""
    if measured is None or not measured.modules:
        return None
    heads = ["#", "module", "sensitivity", "standard error", *(["proposed rank"] if measured.ranks else [])]
    rows = [
        [
            str(place),
            m.module,
            number(m.sensitivity, 3),
            number(m.stderr, 2),
            *([str(measured.ranks.get(m.module, "–"))] if measured.ranks else []),
        ]
        for place, m in enumerate(measured.modules, start=1)
    ]
    return section(
        "sensitivity",
        "Sensitivity",
        element(
            "p", "How strongly each module responds to the songs, by the logarithm (", name_of(measured.source), ")."
        ),
        _heat_map(measured.modules),
        folded(f"Ranking of all {len(rows)} modules", table(heads, rows, figures=2)),
    )


def _heat_map(modules: tuple[ModuleSensitivity, ...]) -> Html:
    grid = make_grid(modules)
    if not grid.kinds:
        return Html("")
    placed = {place: m for m in modules if (place := place_of(m.module)) in grid.levels}
    layers = range(grid.layers)

    def cell(kind: str, layer: int) -> Html:
        found = placed.get((kind, layer))
        if found is None:
            return element("td", title=f"layer {layer}, {kind}: not measured")
        level = round(grid.levels[kind, layer] * (_LEVELS - 1))
        figures = f"{number(found.sensitivity, 3)} ± {number(found.stderr, 2)}"
        return element("td", class_=f"heat{level}", title=f"{found.module}: {figures}")

    head = element("tr", element("th", "layer"), *(element("th", str(layer), scope="col") for layer in layers))
    rows = (
        element("tr", element("th", kind, scope="row"), *(cell(kind, layer) for layer in layers)) for kind in grid.kinds
    )
    legend = (element("i", class_=f"heat{level}") for level in range(_LEVELS))
    drawn = element("table", element("thead", head), element("tbody", *rows), class_="heat")
    return join(
        (
            element("div", drawn, class_="scroll", tabindex="0"),
            element("p", "weak ", *legend, " strong", class_="note heat-legend"),
        )
    )
