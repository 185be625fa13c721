"""Everything that only a card can tell, by one command: tests and benchmarks one after another, into one document.

    python -m bench.card --output card.md [--minutes 25] [--only NAME …] [--again] [--quick]

Each section is a process with a limit of its own, and what matters most comes first, so that a run which is cut off
has told most. The document is written after each section. One that failed is noted with its last lines. A second call
goes on with what is missing or failed, `--again` measures anew. Random weights only; nothing is downloaded.
"""

import argparse
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from sidestep_tui.files import write_text_atomic

ROOT = Path(__file__).parents[1]
LOADS = "--load 3000+768 750+257"
STEP = f"bench.train_step --dtype bfloat16 --device cuda --repeats 5 {LOADS} --shape"
TINY = "--shape small --load 96+32"
TINY_STEPS = f"{TINY} --layers 2 --repeats 1"
ATTENTION = "bench.attention --device cuda --dtype bfloat16 --kv-heads 8 --head-dim 128 --heads"
TESTS = "pytest -v --tb=short --color=no -p no:cacheprovider tests/acestep tests/engine -m"
LAST_LINES, LONG = 80, 300


@dataclass(frozen=True)
class Section:
    """`arguments` of python -m, or what replaces them (`quick`) where only the way there is tried; `limit` in s."""

    name: str
    arguments: str
    limit: float
    quick: str
    """Arguments added, the last of a kind counting: a few steps of something tiny."""


SECTIONS = (
    Section("card", "bench.card_facts", 120, "--copied-mb 1"),
    Section("tests", f"{TESTS} 'cuda and not slow'", LONG, "-k flash"),
    Section("step 2b", f"{STEP} 2b", LONG, TINY_STEPS),
    Section("step 2b recorded", f"{STEP} 2b --graphs", LONG, TINY_STEPS),
    Section("step 2b compiled", f"{STEP} 2b --compile", LONG, TINY_STEPS),
    Section("step 2b compiled and recorded", f"{STEP} 2b --compile --graphs", LONG, TINY_STEPS),
    Section("attention 2b", f"{ATTENTION} 16", 120, "--tokens 64 --repeats 1"),
    Section("savings 2b", "bench.savings --shape 2b", LONG, TINY_STEPS),
    Section("memory 2b", "bench.memory_estimate --shape 2b", LONG, TINY),
    Section("step xl", f"{STEP} xl", LONG, TINY_STEPS),
    Section("step xl recorded", f"{STEP} xl --graphs", LONG, TINY_STEPS),
    Section("memory 2b recorded", f"bench.memory_estimate --shape 2b --graphs {LOADS}", LONG, TINY),
    Section(
        "preprocess",
        "bench.preprocess --true-size --device cuda --dtype bfloat16 --songs 4 --seconds 240",
        LONG,
        "--songs 1 --seconds 2 --repeats 1",
    ),
    Section("attention xl", f"{ATTENTION} 32", 120, "--tokens 64 --repeats 1"),
    Section("savings xl", "bench.savings --shape xl", LONG, TINY_STEPS),
    Section("memory xl", "bench.memory_estimate --shape xl", LONG, TINY),
    Section("slow tests", f"{TESTS} 'cuda and slow'", LONG, "-k none-False"),
    Section("step xl compiled and recorded", f"{STEP} xl --compile --graphs", LONG, TINY_STEPS),
    Section("probe", "bench.probe --device cuda --dtype bfloat16 --tokens 3000 --condition 768", LONG,
            "--shape small --layers 2 --tokens 96 --condition 32 --repeats 1"),
    Section("demo", "app demo --out {folder}/demo", LONG, ""),
    Section("load", "bench.load --shape 2b --device cuda --folder {folder}", LONG, "--shape small --repeats 1"),
)  # fmt: skip


@dataclass(frozen=True)
class Told:
    """What a section gave: its Markdown, without its heading, and whether it came to its end."""

    text: str
    whole: bool


def main() -> None:
    options = parse_arguments()
    signal.signal(signal.SIGTERM, _leave)
    end = time.monotonic() + 60 * options.minutes
    told = read_document(options.output)
    failed = False
    for section in SECTIONS:
        known = told.get(section.name)
        if section.name not in options.only or (known is not None and known.whole and not options.again):
            continue
        left = end - time.monotonic()
        if left <= 0:
            sys.exit(f"The time is over before: {section.name}. A second call goes on there.")
        print(f"{section.name} …", file=sys.stderr, flush=True)
        told[section.name] = run(section, min(section.limit, left), quick=options.quick)
        failed |= not told[section.name].whole
        write_text_atomic(options.output, document(told))
    sys.exit(1 if failed else 0)


def parse_arguments() -> argparse.Namespace:
    names = [section.name for section in SECTIONS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--again", action="store_true", help="measure what has been measured, too")
    parser.add_argument("--quick", action="store_true", help="tiny shapes: tries the way, measures nothing")
    return parser.parse_args()


def run(section: Section, limit: float, *, quick: bool = False) -> Told:
    """Runs a section to its end, or to the end of its time."""
    arguments = f"{section.arguments} {section.quick}" if quick else section.arguments
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-W", "ignore", "-m", *shlex.split(arguments.format(folder=folder))]
        output, errors = Path(folder) / "output", Path(folder) / "errors"
        with output.open("w") as out, errors.open("w") as err:
            code = _ended(command, limit, out.fileno(), err.fileno())
        text, said = output.read_text(errors="replace").strip(), errors.read_text(errors="replace")
    seconds = time.monotonic() - began
    if section.arguments.startswith(("pytest", "app")):
        text = _quoted(text)
    parts = [f"    python -m {arguments}", text, f"{seconds:.0f} s."]
    if code != 0:
        ending = f"It was ended after {seconds:.0f} s." if code is None else f"It failed with {code}:"
        parts[-1:] = [ending, _quoted(said)]
    return Told("\n\n".join(filter(None, parts)), code == 0)


def _ended(command: list[str], limit: float, output: int, errors: int) -> int | None:
    """The exit status of a program, None if it was ended, with all that it had started."""
    unheld = os.environ | {"PYTHONUNBUFFERED": "1"}  # what was printed before the end of the time is told
    process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=errors, env=unheld, start_new_session=True)
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _quoted(text: str) -> str:
    lines = text.strip().splitlines()[-LAST_LINES:]
    return "\n".join(["```", *lines, "```"]) if lines else ""


def document(told: dict[str, Told]) -> str:
    """All that was told, in the order of the sections."""
    parts = [
        f"## {section.name}\n\n{told[section.name].text}\n\n<!-- {_ending(told[section.name])} -->\n"
        for section in SECTIONS
        if section.name in told
    ]
    return "\n".join(["# What a card tells\n", *parts])


def read_document(path: Path) -> dict[str, Told]:
    """What `document` wrote, by section."""
    text = path.read_text() if path.exists() else ""
    found = re.findall(r"^## ([^\n]+)\n\n(.*?)\n\n<!-- (whole|failed) -->$", text, re.MULTILINE | re.DOTALL)
    return {name: Told(body, ending == "whole") for name, body, ending in found}


def _ending(told: Told) -> str:
    return "whole" if told.whole else "failed"


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signal.SIGTERM)  # so that the section that is at work is ended too


if __name__ == "__main__":
    main()
