"""The ranking of an estimate under way: every module's gradients, their order, and the ranks that it earns them."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from sidestep_tui.acestep.keymap import to_diffusers
from sidestep_tui.config.jobs import EstimateSettings
from sidestep_tui.engine.estimate.allocation import ModuleShape, RankBounds, allocate_ranks
from sidestep_tui.engine.estimate.sensitivity import Measurement, ModuleStatistics
from sidestep_tui.engine.estimate.weight_gradient import SharedInputs, WeightGradient
from sidestep_tui.engine.tensor_files import write_state
from sidestep_tui.runs.events import BANDS, ModuleSensitivity

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel

_UPDATES_UNTIL_STABLE: Final = 6


@dataclass(slots=True)
class Ranking:
    """Statistics by original module name. What a draw shows counts only once the whole draw is `taken`.

    `weights` are the shares of the three bands in the training law.
    """

    weights: tuple[float, ...]
    statistics: dict[str, ModuleStatistics] = field(default_factory=dict)
    _pending: dict[str, Measurement] = field(default_factory=dict)
    _inputs: SharedInputs = field(default_factory=SharedInputs)
    _orders: list[tuple[str, ...]] = field(default_factory=list)

    def observe(self, name: str, outputs: Tensor, inputs: Tensor) -> None:
        """Reduces a gradient whose factors the probe shows: the outputs' gradient [N, out] and the inputs [N, in]."""
        gradient = WeightGradient(outputs, self._inputs.of(inputs))
        self._pending[name] = self.statistics.setdefault(name, ModuleStatistics()).measure(gradient)

    def take(self, band: int) -> bool:
        """Counts what was observed since the last call, as one draw of a band; nothing of it if any is not finite."""
        names = list(self._pending)
        squares = torch.stack([self._pending[name].square for name in names]).tolist()
        if not all(math.isfinite(square) for square in squares):
            self.forget()
            return False
        for name, square in zip(names, squares, strict=True):
            self.statistics[name].add(square, self._pending[name], band)
        self.forget()
        return True

    def forget(self) -> None:
        """Drops what the draw has shown that is not taken."""
        self._pending.clear()
        self._inputs.clear()

    def places(self) -> list[ModuleSensitivity]:
        """The modules, strongest first."""
        measured = [
            ModuleSensitivity(name, *statistics.mean(self.weights))
            for name, statistics in self.statistics.items()
            if statistics.count
        ]
        return sorted(measured, key=lambda place: place.sensitivity, reverse=True)

    def layers(self) -> list[ModuleSensitivity]:
        """Whole layers, strongest first: the sums of their modules, whose errors are taken as independent."""
        sums: dict[str, tuple[float, float]] = {}
        for place in self.places():
            layer = ".".join(place.module.split(".")[:2])
            mean, variance = sums.get(layer, (0.0, 0.0))
            sums[layer] = mean + place.sensitivity, variance + place.stderr**2
        ranked = [ModuleSensitivity(layer, mean, variance**0.5) for layer, (mean, variance) in sums.items()]
        return sorted(ranked, key=lambda place: place.sensitivity, reverse=True)

    def is_stable(self, top: int) -> bool:
        """Whether the order of the `top` strongest modules was the same at the last few calls."""
        self._orders = [*self._orders, tuple(place.module for place in self.places()[:top])][-_UPDATES_UNTIL_STABLE:]
        return len(self._orders) == _UPDATES_UNTIL_STABLE and len(set(self._orders)) == 1

    def entries(self, *, by_layer: bool) -> list[dict[str, Any]]:
        """The ranking as the file holds it."""
        if by_layer:
            return [{"module": p.module, "sensitivity": p.sensitivity, "stderr": p.stderr} for p in self.layers()]
        return [
            {
                "module": place.module,
                "sensitivity": place.sensitivity,
                "stderr": place.stderr,
                "signal": self.statistics[place.module].signal(self.weights),
                **dict(zip(BANDS, self.statistics[place.module].band_means(), strict=True)),
                "spectrum": self.statistics[place.module].spectrum(),
            }
            for place in self.places()
        ]

    def proposal(self, transformer: "AceStepTransformer1DModel", settings: EstimateSettings) -> list[dict[str, Any]]:
        """Ranks and alphas for the parameters of a uniform adapter of `settings.rank`."""
        shapes = {}
        for place in self.places():
            outputs, inputs = transformer.get_submodule(to_diffusers(place.module)).weight.shape
            statistics = self.statistics[place.module]
            spectrum = tuple(statistics.spectrum())
            kind = place.module.split(".", 2)[2]
            shapes[place.module] = ModuleShape(kind, inputs, outputs, statistics.signal(self.weights), spectrum)
        budget = sum(settings.rank * shape.cost for shape in shapes.values())
        floor = min(settings.rank_floor, settings.rank)
        ranks = allocate_ranks(shapes, budget, RankBounds(floor, settings.rank_ceiling, settings.kind_share))
        return [
            {"module": name, "rank": rank, "alpha": rank * settings.alpha_per_rank}
            for name, rank in ranks.items()
            if rank > 0
        ]


@dataclass(frozen=True, slots=True)
class Progressed:
    """What a stopped estimate goes on from: draws behind it, and songs left out."""

    draws: int
    measured: int
    left_out: frozenset[str]


def save_progress(path: Path, ranking: Ranking, progressed: Progressed, data: str) -> None:
    """Writes the statistics so far, whole or not at all."""
    document = {
        "data": data,
        "draws": progressed.draws,
        "measured": progressed.measured,
        "left_out": sorted(progressed.left_out),
        "modules": {
            name: {
                "squares": list(one.squares),
                "basis": one.basis,
                "energy": one.energy,
                "sketches": one.sketches,
                "sketch_squares": one.sketch_squares,
            }
            for name, one in ranking.statistics.items()
            if one.count
        },
    }
    write_state(path, document)


def load_progress(path: Path, ranking: Ranking, data: str, device: torch.device) -> Progressed:
    """Puts saved statistics back; the start where there are none of this data."""
    if not path.is_file():
        return Progressed(0, 0, frozenset())
    document = torch.load(path, map_location="cpu", weights_only=True)
    if document["data"] != data:
        return Progressed(0, 0, frozenset())
    for name, one in document["modules"].items():
        ranking.statistics[name] = ModuleStatistics(
            tuple(one["squares"]), one["basis"].to(device), one["energy"], one["sketches"], one["sketch_squares"]
        )
    return Progressed(document["draws"], document["measured"], frozenset(document["left_out"]))
