"""Seconds until the DiT stands ready, and the memory that loading takes: our loader against diffusers' own.

    python -m bench.load                              the built-in tiny model
    python -m bench.load --shape 2b --folder /scratch both layouts of the true size, random weights (10 GB of disk)
    python -m bench.load --shape 2b --layers 6 --stored float32 --shard-gb 0.5 --folder /scratch

Each measurement is a process of its own, the sides in turns, the file cache warm after the first round, which is not
counted. Importing the libraries is not counted either. `peak` is the rise of the high-water mark of resident memory;
`anonymous` and `file` are what stays of it: memory of our own, and pages of a mapped file. diffusers' loader maps the
file and reads nothing yet, so after loading every weight is read once, which is the first thing that training does.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from bench.big_model import write_big_model
from bench.common import describe_machine, print_table
from bench.runs import build_model
from bench.shapes import SHAPES

_MEASURE = """
import json, sys, time
from pathlib import Path
from diffusers import AceStepTransformer1DModel
from sidestep_tui.acestep import open_checkpoint
import torch
side, model, dtype, device = sys.argv[1], Path(sys.argv[2]), getattr(torch, sys.argv[3]), sys.argv[4]
torch.zeros(1, device=device)
def memory():
    fields = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {field[0]: int(field[1]) * 1024 for field in fields if field[0] in ("VmHWM:", "RssAnon:", "RssFile:")}
before, began = memory(), time.perf_counter()
if side == "diffusers":
    dit = AceStepTransformer1DModel.from_pretrained(model / "transformer", torch_dtype=dtype).to(device)
else:
    dit = open_checkpoint(model).load_transformer(device, dtype)
torch.zeros(1, device=device).item()
seconds = time.perf_counter() - began
for parameter in dit.parameters():
    parameter.sum()
torch.zeros(1, device=device).item()
read = time.perf_counter() - began
risen = {name: value - before[name] for name, value in memory().items()}
size = sum(p.numel() * p.element_size() for p in dit.parameters())
print(json.dumps({"seconds": seconds, "read": read, "size": size, **risen}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES)
    parser.add_argument("--layers", type=int, help="fewer than the shape has")
    parser.add_argument("--stored", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--loaded", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--shard-gb", type=float, default=5.0)
    parser.add_argument("--folder", type=Path, help="where the model is written, and deleted again")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu", help="where the model is wanted")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        if options.shape is None:
            models = {"diffusers": build_model(Path(name))}
        else:
            shape = SHAPES[options.shape]
            shape = replace(shape, layers=options.layers or shape.layers)
            dtype, shard_bytes = getattr(torch, options.stored), int(1e9 * options.shard_gb)
            original, converted = write_big_model(Path(name), shape, dtype, shard_bytes)
            models = {"original": original, "diffusers": converted}
        sides = {"diffusers": models["diffusers"]} | {f"ours, {layout} layout": path for layout, path in models.items()}
        found: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
        for _ in range(options.repeats + 1):
            for side, results in found.items():
                results.append(_measure(side, sides[side], options.loaded, options.device))
    print(describe_machine(torch.device(options.device)))
    precisions = f"stored in {options.stored}, loaded in {options.loaded}, to {options.device}"
    print(f"{options.shape or 'tiny'}, {options.layers or 'all'} layers, {precisions}\n")
    header = ["side", "ready", "range", "and read once", "peak", "anonymous", "file", "weights", "peak / weights"]
    print_table(header, [_row(side, results[1:]) for side, results in found.items()])


def _row(side: str, results: list[dict[str, float]]) -> list[str]:
    seconds = [result["seconds"] for result in results]
    middle = {name: statistics.median(result[name] for result in results) for name in results[0]}
    sizes = [f"{middle[name] / 1024**2:.0f} MiB" for name in ("VmHWM:", "RssAnon:", "RssFile:", "size")]
    spread, read = f"{min(seconds):.2f}-{max(seconds):.2f} s", f"{middle['read']:.2f} s"
    return [side, f"{middle['seconds']:.2f} s", spread, read, *sizes, f"{middle['VmHWM:'] / middle['size']:.2f}×"]


def _measure(side: str, model: Path, dtype: str, device: str) -> dict[str, float]:
    command = [sys.executable, "-W", "ignore", "-c", _MEASURE, side, str(model), dtype, device]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result: dict[str, float] = json.loads(output.splitlines()[-1])
    return result


if __name__ == "__main__":
    main()
