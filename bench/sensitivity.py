"""Does spending ranks by sensitivity help? Equal parameters, several seeds, a loss on what was never trained on.

    python -m bench.sensitivity [--seeds 5] [--steps 200] [--rank 4]
    python -m bench.sensitivity --songs TENSORS --model M [--base OTHER_TENSORS] …

Without songs, a teacher is the tiny model with low-rank changes planted in a few of its modules, and students learn its
velocity on random inputs: the answer is known. With songs, M learns encoded songs and is judged on songs held out
(`bench/song_problem.py`). Compared at equal numbers of parameters: one rank everywhere, the same budget on the most
sensitive quarter of the modules (as other tools choose their targets), PEFT's EVA initialisation (arXiv:2410.07170)
with its own rank redistribution, and the allocation of `sidestep estimate`.
"""

import argparse
import math
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.allocations import Problem, rank_modules, students, train
from bench.common import describe_machine, print_table
from bench.planted_problem import PlantedProblem
from bench.song_problem import SongProblem, train_base
from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.acestep.tiny import build_tiny_checkpoint
from sidestep_tui.engine.adapters.adapter import trainable
from sidestep_tui.engine.estimate.ranking import Ranking


@dataclass(frozen=True)
class Outcome:
    """Held-out loss of the model without an adapter, and by method; parameters by method."""

    untrained: float
    losses: dict[str, float]
    sizes: dict[str, int]


def measure(problem: Problem, ranking: Ranking, seed: int, rank: int, steps: int) -> Outcome:
    made = students(problem, ranking, rank, seed)
    sizes = {name: sum(p.numel() for p in trainable(model).values()) for name, model in made.items()}
    losses = {name: train(problem, model, steps) for name, model in made.items()}
    return Outcome(problem.held_out(problem.model()), losses, sizes)


def problems(options: argparse.Namespace, folder: Path) -> Iterator[Problem]:
    """One for each seed."""
    if options.songs is None:
        build_tiny_checkpoint(folder / "tiny")
        checkpoint = open_checkpoint(folder / "tiny")
        yield from (PlantedProblem(checkpoint, seed) for seed in options.seeds)
        return
    checkpoint = open_checkpoint(options.model)
    base = None
    if options.base is not None:
        base, before, after = train_base(checkpoint, options.base, options.base_steps)
        print(f"whole model trained on {options.base.name}: loss {before:.3f} -> {after:.3f} on its own songs")
    yield from (SongProblem(checkpoint, base, options.songs, seed) for seed in options.seeds)


def interval(values: list[float]) -> str:
    """The mean and its two standard errors."""
    return f"{statistics.fmean(values):.4f} ± {2 * statistics.stdev(values) / math.sqrt(len(values)):.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rank", type=int, default=4)
    parser.add_argument("--songs", type=Path, metavar="TENSORS", help="a folder written by `sidestep preprocess`")
    parser.add_argument("--model", type=Path, help="the checkpoint that the songs were encoded with")
    parser.add_argument("--base", type=Path, metavar="TENSORS", help="train the whole model on these songs first")
    parser.add_argument("--base_steps", type=int, default=2000)
    options = parser.parse_args()
    print(describe_machine(torch.device("cpu")))
    outcomes, found = [], []
    with tempfile.TemporaryDirectory() as folder:
        for seed, problem in zip(options.seeds, problems(options, Path(folder)), strict=True):
            ranking = rank_modules(problem)
            if isinstance(problem, PlantedProblem):
                found.append(problem.share_found(ranking))
            outcomes.append(measure(problem, ranking, seed, options.rank, options.steps))
    if found:
        print(f"planted modules among the strongest: {statistics.fmean(found):.0%}")
    print(f"held-out loss without an adapter: {interval([one.untrained for one in outcomes])}\n")
    rows = []
    for name in outcomes[0].losses:
        losses = [one.losses[name] for one in outcomes]
        ratios = [one.losses[name] / one.losses["uniform"] for one in outcomes]
        rows.append([name, f"{outcomes[0].sizes[name]:,}", interval(losses), interval(ratios)])
    print_table(["ranks", "parameters", "held-out loss, mean ± 2 standard errors", "against uniform, by seed"], rows)


if __name__ == "__main__":
    main()
