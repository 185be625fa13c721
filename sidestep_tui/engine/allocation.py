"""Ranks where they lower the loss most: spends the parameters of a uniform adapter by measured sensitivity."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModuleShape:
    """What a module can win and what a rank of it costs; `spectrum` holds its directions' shares of `signal`."""

    inputs: int
    outputs: int
    signal: float
    spectrum: tuple[float, ...]

    @property
    def cost(self) -> int:
        """Parameters of one rank of LoRA."""
        return self.inputs + self.outputs

    def gain(self, rank: int) -> float:
        """What one more direction after `rank` holds of the signal; unmeasured ones share the rest evenly."""
        if rank < len(self.spectrum):
            return self.signal * self.spectrum[rank]
        unmeasured = min(self.inputs, self.outputs) - len(self.spectrum)
        return self.signal * max(0.0, 1 - sum(self.spectrum)) / max(1, unmeasured)


def allocate_ranks(modules: Mapping[str, ModuleShape], budget: int, floor: int, ceiling: int) -> dict[str, int]:
    """A rank for every module, at most `budget` parameters in all.

    Every module starts at `floor` (0 leaves modules out); the next rank always goes where a parameter buys most of
    the squared gradient. Gains fall with the rank, so the greedy choice is the best one up to the last module's cost.

    Args:
        modules: by name.
        budget: parameters to spend.
        floor: ranks that every module gets, so that no kind of module is starved.
        ceiling: ranks that none exceeds.
    """
    ranks = dict.fromkeys(modules, floor)
    left = budget - sum(floor * module.cost for module in modules.values())
    queue = [(-module.gain(floor) / module.cost, name) for name, module in modules.items()]
    heapq.heapify(queue)
    while queue:
        _, name = heapq.heappop(queue)
        module = modules[name]
        if ranks[name] >= min(ceiling, module.inputs, module.outputs) or module.cost > left:
            continue
        ranks[name] += 1
        left -= module.cost
        heapq.heappush(queue, (-module.gain(ranks[name]) / module.cost, name))
    return ranks
