"""What the ends of epochs cost: the wall time of a whole run against the sum of its step times.

    python -m bench.epoch_boundary

A real engine process trains the built-in tiny model, fifteen steps an epoch, validation off, a checkpoint at every
tenth epoch; everything is read from its event log. Trainers that start their loader's workers anew in every epoch lose
53-71% of the wall time here. The goal is at most 1.05.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import torch

from bench.common import describe_machine, print_table
from bench.runs import build_model, work, write_random_songs
from sidestep_tui.runs.events import Event, StepCompleted

STEPS_PER_EPOCH = 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--frames", type=int, default=1500, help="latent frames of each song, 25 a second")
    parser.add_argument("--residence", default="auto", help="where the songs live")
    parser.add_argument("--crop-seconds", type=float, help="train on crops instead of whole songs")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = build_model(folder)
        write_random_songs(folder / "tensors", model, STEPS_PER_EPOCH, options.frames)
        events = work(folder / "run", "train", _settings(folder, model, options))
    _report([event for event in events if isinstance(event, StepCompleted)], events)


def _settings(folder: Path, model: Path, options: argparse.Namespace) -> dict[str, object]:
    return {
        "model": {"checkpoint": str(model), "device": options.device},
        "data": {
            "tensors": str(folder / "tensors"),
            "residence": options.residence,
            "crop_seconds": options.crop_seconds,
        },
        "training": {"epochs": options.epochs},
        "validation": {"songs": 0},
        "logging": {"tensorboard": False},
    }


def _report(steps: list[StepCompleted], events: list[Event]) -> None:
    """From the end of the first step to the end of the last: the first one warms everything up."""
    rest = steps[1:]
    wall = steps[-1].time - steps[0].time
    busy = sum(step.seconds for step in rest)
    between = [(new, new.time - old.time - new.seconds) for old, new in zip(steps, rest, strict=False)]
    ends = [gap for new, gap in between if new.step % STEPS_PER_EPOCH == 1]
    within = [gap for new, gap in between if new.step % STEPS_PER_EPOCH != 1]
    print(describe_machine(torch.device("cpu")))
    print_table(
        ["steps", "median step", "wall", "sum of steps", "wall / steps", "gap within", "gap at an epoch's end"],
        [
            [
                str(len(steps)),
                f"{1e3 * statistics.median(step.seconds for step in rest):.0f} ms",
                f"{wall:.2f} s",
                f"{busy:.2f} s",
                f"{wall / busy:.3f}",
                f"{1e3 * statistics.median(within):.1f} ms",
                f"{1e3 * statistics.median(ends):.1f} ms",
            ]
        ],
    )
    print(f"waited for data: {sum(step.data_seconds for step in rest):.3f} s; events: {len(events)}")


if __name__ == "__main__":
    main()
