"""Ranks where they lower the loss most: spends the parameters of a uniform adapter by measured sensitivity."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModuleShape:
    """What a module can win and what a rank of it costs; `spectrum` holds its directions' shares of `signal`.

    `kind` is what the module is in its layer: `self_attn.q_proj`.
    """

    kind: str
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


@dataclass(frozen=True, slots=True)
class RankBounds:
    """What an allocation must keep to.

    Attributes:
        floor: ranks that every module gets; 0 leaves modules out.
        ceiling: ranks that none exceeds.
        kind_share: the part of an even share of the budget that each kind of module gets at least, 0 to 1. An even
            share is what one rank everywhere would spend on the kind.
    """

    floor: int
    ceiling: int
    kind_share: float = 0.0


def allocate_ranks(modules: Mapping[str, ModuleShape], budget: int, bounds: RankBounds) -> dict[str, int]:
    """A rank for every module, at most `budget` parameters in all.

    Every module starts at the floor, and every kind is brought to its share; then the next rank always goes where a
    parameter buys most of the squared gradient. Gains fall with the rank, so each of these greedy choices is the best
    one up to the last module's cost.

    Args:
        modules: by name.
        budget: parameters to spend.
        bounds: floors and ceiling. A kind may miss its share by less than one rank of its largest module.
    """
    ranks = dict.fromkeys(modules, bounds.floor)
    spent = bounds.floor * _one_rank(modules)
    for kind in sorted({module.kind for module in modules.values()}):
        own = {name: module for name, module in modules.items() if module.kind == kind}
        share = int(bounds.kind_share * budget * _one_rank(own) / _one_rank(modules))
        spent += _spend(own, ranks, share - bounds.floor * _one_rank(own), bounds.ceiling)
    _spend(modules, ranks, budget - spent, bounds.ceiling)
    return ranks


def _one_rank(modules: Mapping[str, ModuleShape]) -> int:
    """Parameters of one rank in each of the modules."""
    return sum(module.cost for module in modules.values())


def _spend(modules: Mapping[str, ModuleShape], ranks: dict[str, int], budget: int, ceiling: int) -> int:
    """Raises ranks of these modules, the best buy first, and gives the parameters spent: never over the budget."""
    left = max(0, budget)
    queue = [(-module.gain(ranks[name]) / module.cost, name) for name, module in modules.items()]
    heapq.heapify(queue)
    while queue:
        _, name = heapq.heappop(queue)
        module = modules[name]
        if ranks[name] >= min(ceiling, module.inputs, module.outputs) or module.cost > left:
            continue
        ranks[name] += 1
        left -= module.cost
        heapq.heappush(queue, (-module.gain(ranks[name]) / module.cost, name))
    return max(0, budget) - left
