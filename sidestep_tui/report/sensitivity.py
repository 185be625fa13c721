"""The sensitivity map: which kinds of module, in which layers, the songs move most."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from sidestep_tui.errors import SidestepError
from sidestep_tui.report.figures import number
from sidestep_tui.report.html import Html, element, folded, join, name_of, section, table
from sidestep_tui.runs import sensitivity_file
from sidestep_tui.runs.events import ModuleSensitivity

_NAME: Final = re.compile(r"layers\.(\d+)\.(?P<block>\w+?)(?:_attn)?\.(?P<part>\w+?)(?:_proj)?")
_KINDS: Final = (
    *(f"{block} {part}" for block in ("self", "cross") for part in "qkvo"),
    "mlp gate",
    "mlp up",
    "mlp down",
)
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
    cells = {place: m for m in modules if (place := _place(m.module)) is not None and m.sensitivity > 0}
    if not cells:
        return Html("")
    values = [math.log(m.sensitivity) for m in cells.values()]
    low, span = min(values), (max(values) - min(values)) or 1.0
    layers = range(1 + max(layer for _, layer in cells))

    def cell(kind: str, layer: int) -> Html:
        found = cells.get((kind, layer))
        if found is None:
            return element("td", title=f"layer {layer}, {kind}: not measured")
        level = round((math.log(found.sensitivity) - low) / span * (_LEVELS - 1))
        figures = f"{number(found.sensitivity, 3)} ± {number(found.stderr, 2)}"
        return element("td", class_=f"heat{level}", title=f"{found.module}: {figures}")

    present = {kind for kind, _ in cells}
    ordered = [*(kind for kind in _KINDS if kind in present), *sorted(present - set(_KINDS))]
    head = element("tr", element("th", "layer"), *(element("th", str(layer), scope="col") for layer in layers))
    rows = (
        element("tr", element("th", kind, scope="row"), *(cell(kind, layer) for layer in layers)) for kind in ordered
    )
    legend = (element("i", class_=f"heat{level}") for level in range(_LEVELS))
    grid = element("table", element("thead", head), element("tbody", *rows), class_="heat")
    return join(
        (
            element("div", grid, class_="scroll", tabindex="0"),
            element("p", "weak ", *legend, " strong", class_="note heat-legend"),
        )
    )


def _place(module: str) -> tuple[str, int] | None:
    """`layers.3.self_attn.q_proj` is (`self q`, 3); None for what lies in no layer."""
    found = _NAME.fullmatch(module)
    return (f"{found['block']} {found['part']}", int(found[1])) if found else None
