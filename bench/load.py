"""Seconds until the DiT stands ready, and the memory that loading takes: our loader against diffusers' own.

    python -m bench.load MODEL            a model folder in the diffusers layout; by default the built-in tiny model

Each measurement is a process of its own (its high-water mark of resident memory counts), the two sides in turns, the
file cache warm after the first round, which is not counted. Importing the libraries is not counted either.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from bench.common import describe_machine, print_table
from bench.runs import build_model

_MEASURE = """
import json, resource, sys, time
from pathlib import Path
from diffusers import AceStepTransformer1DModel
from sidestep_tui.acestep import open_checkpoint
import torch
side, model = sys.argv[1:]
def resident(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before, began = resident(), time.perf_counter()
if side == "ours":
    dit = open_checkpoint(Path(model)).load_transformer("cpu", torch.bfloat16)
else:
    dit = AceStepTransformer1DModel.from_pretrained(Path(model) / "transformer", torch_dtype=torch.bfloat16)
seconds = time.perf_counter() - began
size = sum(p.numel() * p.element_size() for p in dit.parameters())
print(json.dumps({"seconds": seconds, "memory": resident() - before, "size": size}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        model = options.model or build_model(Path(name))
        found: dict[str, list[dict[str, float]]] = {"diffusers": [], "ours": []}
        for _ in range(options.repeats + 1):
            for side, results in found.items():
                results.append(_measure(side, model))
    print(describe_machine(torch.device("cpu")))
    rows = []
    for side, results in found.items():
        seconds = [result["seconds"] for result in results[1:]]
        memory = statistics.median(result["memory"] for result in results[1:]) / 1024**2
        size = results[0]["size"] / 1024**2
        spread = f"{min(seconds):.3f}-{max(seconds):.3f} s"
        rows.append([side, f"{statistics.median(seconds):.3f} s", spread, f"{memory:.0f} MiB", f"{size:.0f} MiB"])
    print_table(["side", "median", "spread", "resident memory rises by", "weights"], rows)


def _measure(side: str, model: Path) -> dict[str, float]:
    command = [sys.executable, "-W", "ignore", "-c", _MEASURE, side, str(model)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result: dict[str, float] = json.loads(output.splitlines()[-1])
    return result


if __name__ == "__main__":
    main()
