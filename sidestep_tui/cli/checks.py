"""The checks of `sidestep doctor`. What may crash an interpreter is tried in one of its own."""

import importlib.metadata
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from sidestep_tui.config.memory.estimate import GIB
from sidestep_tui.config.places import runs_home
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import check_place
from sidestep_tui.runs.machine import CardSnapshot, MachineProbe, MachineSnapshot

if TYPE_CHECKING:
    from rich.console import Console

Status = Literal["ok", "lack", "broken"]

_OLDEST_PYTHON: Final = (3, 11)
_OLDEST_TORCH: Final = (2, 11)
_LITTLE_DISK: Final = 20_000_000_000
_IMPORT_PATIENCE_SECONDS: Final = 180
_SMALLEST_TERMINAL: Final = (80, 24)
_TRY_CARDS: Final = """
import torch
cards, failing = range(torch.cuda.device_count()), []
for card in cards:
    try:
        torch.ones(1, device=f"cuda:{card}").add_(1).item()
    except RuntimeError as error:
        said = str(error).strip().partition("\\n")[0]
        if "out of memory" not in said:  # a card that others have filled is a whole one
            major, minor = torch.cuda.get_device_capability(card)
            built = ", ".join(torch.cuda.get_arch_list())
            failing.append(f"cuda:{card} (sm_{major}{minor}; torch is built for {built}): {said}")
print(torch.cuda.is_available() and len(failing) < len(cards), "; ".join(failing))
"""
_TRY_SEGMENTS: Final = """
import torch
from sidestep_tui.engine.segments import let_segments_grow
reason = let_segments_grow(torch.device("cuda", 0))
print("torch takes it in segments that", "grow" if reason is None else f"stay as they are: {reason}")
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `lack`: the work goes on without it; `broken`: it does not."""

    name: str
    status: Status
    found: str
    fix: str = ""


def all_checks(console: "Console") -> list[Check]:
    """Everything, in the order in which it is worth reading."""
    machine = MachineProbe(runs_home()).read()
    with ThreadPoolExecutor(2) as pool:  # each import takes seconds, in a process of its own
        torch = pool.submit(check_torch, machine)
        models = pool.submit(check_model_libraries)
        memory = pool.submit(check_segments, machine)
        quick = [check_python(), *check_cards(machine), check_codecs(), check_audio_reader(), check_disk(machine)]
        tried = [torch.result(), *memory.result(), models.result()]
        return [quick[0], *tried, *check_torchaudio(), *quick[1:], check_terminal(console)]


def check_python() -> Check:
    """The interpreter."""
    found = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info < _OLDEST_PYTHON:
        return Check("python", "broken", found, "install Python 3.11 or newer, then run `make demo` again")
    return Check("python", "ok", found)


def check_torch(machine: MachineSnapshot) -> Check:
    """The torch build, read from its files, then tried in a process of its own."""
    version = _version("torch")
    if version is None:
        return Check("torch", "broken", "not installed", "pip install torch")
    build = torch_build()
    found = f"{version}, {f'CUDA {build}' if build else 'CPU build'}"
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < _OLDEST_TORCH:
        return Check("torch", "broken", found, "pip install --upgrade torch")
    worked, words = try_python(_TRY_CARDS)
    if not worked:
        return Check("torch", "broken", f"{found}, cannot be imported: {words}", "pip install --force-reinstall torch")
    if machine.cards and build is None:
        fix = "install the CUDA build: the README has the line for a GPU box"
        return Check("torch", "lack", f"{found} beside an NVIDIA card", fix)
    usable, _, failing = words.partition(" ")
    if machine.cards and failing:
        fix = "install a torch that was built for the card (https://pytorch.org/get-started), or update the driver"
        status: Status = "lack" if usable == "True" else "broken"
        return Check("torch", status, f"{found}, but it cannot use {failing}", fix)
    if machine.cards and usable != "True":
        fix = "update the NVIDIA driver, or install a torch built for an older CUDA"
        return Check("torch", "broken", f"{found}, but it cannot use the card", fix)
    return Check("torch", "ok", found)


def check_segments(machine: MachineSnapshot) -> list[Check]:
    """How torch takes a card's memory; nothing where it has none or cannot use it, which is told elsewhere."""
    worked, words = try_python(_TRY_SEGMENTS) if machine.cards and torch_build() is not None else (False, "")
    return [Check("card memory", "ok", words)] if worked else []


def torch_build() -> str | None:
    """The CUDA version that torch was built for, read without importing it; None for a CPU build."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    written = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    match = re.search(r"^cuda(?:\s*:[^=]+)?\s*=\s*['\"]([\d.]+)['\"]", written, re.MULTILINE)
    return match[1] if match else None


def check_model_libraries() -> Check:
    """diffusers, transformers and peft, imported together as the engine does."""
    names = ("diffusers", "transformers", "peft")
    found = ", ".join(f"{name} {_version(name) or 'missing'}" for name in names)
    if any(_version(name) is None for name in names):
        return Check("libraries", "broken", found, f"pip install {' '.join(names)}")
    worked, words = try_python("from diffusers import AceStepTransformer1DModel; import peft, transformers")
    if not worked:
        fix = f"pip install --force-reinstall {' '.join(names)}"
        return Check("libraries", "broken", f"{found}, cannot be imported: {words}", fix)
    return Check("libraries", "ok", found)


def check_torchaudio() -> list[Check]:
    """torchaudio is not needed, but a broken one breaks diffusers and transformers."""
    version = _version("torchaudio")
    if version is None:
        return []
    worked, words = try_python("import torchaudio")
    if worked:
        return [Check("torchaudio", "ok", version)]
    return [Check("torchaudio", "broken", f"{version}, cannot be imported: {words}", "pip uninstall torchaudio")]


def check_cards(machine: MachineSnapshot) -> list[Check]:
    """NVIDIA cards with their memory, through the driver; and the memory of the host."""
    cards = [Check(f"card {card.index}", "ok", f"{card.name}, {_memory_of(card)}") for card in machine.cards]
    if not cards:
        fix = "rent or add a card with 8 GB or more; without one everything works, slowly"
        if "driver" in machine.cards_missing:
            fix = "install the NVIDIA driver if this machine has a card; without one everything works, slowly"
        cards = [Check("card", "lack", machine.cards_missing, fix)]
    memory = f"{_gib(machine.memory_available)} of {_gib(machine.memory_total)} free"
    return [*cards, Check("memory", "ok", memory)]


def check_codecs() -> Check:
    """What libsndfile reads and writes."""
    try:
        import soundfile
    except (ImportError, OSError) as error:
        return Check("libsndfile", "broken", f"cannot be loaded: {error}", "pip install --force-reinstall soundfile")
    formats = {*soundfile.available_formats(), *soundfile.available_subtypes("OGG")}
    missing = sorted({"WAV", "FLAC", "OGG", "MP3", "OPUS"} - formats)
    found = f"{soundfile.__libsndfile_version__}, wav flac ogg mp3 opus"
    if missing:
        fix = "pip install --force-reinstall soundfile"
        return Check("libsndfile", "lack", f"{soundfile.__libsndfile_version__}, without {', '.join(missing)}", fix)
    return Check("libsndfile", "ok", found)


def check_audio_reader() -> Check:
    """PyAV reads what libsndfile does not: m4a, aac, wma."""
    worked, words = try_python("import av; print(av.__version__)")
    if not worked:
        fix = "pip install --force-reinstall av"
        return Check("pyav", "lack", f"cannot be loaded, so no m4a, aac or wma: {words}", fix)
    return Check("pyav", "ok", f"{words}, m4a aac wma")


def check_disk(machine: MachineSnapshot) -> Check:
    """Space where runs go, and whether anything can be written there."""
    try:
        check_place(runs_home())
    except SidestepError as error:
        return Check("disk", "broken", f"{runs_home()}: {error.what}", "set SIDESTEP_HOME to one that may be written")
    found = f"{machine.disk_free / 1e9:.0f} GB free for {runs_home()}"
    if machine.disk_free < _LITTLE_DISK:
        return Check("disk", "lack", found, "free some space, or set SIDESTEP_HOME to a folder on a larger disk")
    return Check("disk", "ok", found)


def check_terminal(console: "Console") -> Check:
    """What the terminal application can draw with."""
    columns, lines = shutil.get_terminal_size()
    colours = console.color_system or "no colours"
    found = f"{columns}×{lines}, {colours}, {console.encoding}"
    if not console.is_terminal:
        return Check("terminal", "ok", "none: the output goes to a file or pipe")
    if not console.encoding.startswith("utf"):
        return Check("terminal", "lack", found, "export LANG=C.UTF-8")
    if columns < _SMALLEST_TERMINAL[0] or lines < _SMALLEST_TERMINAL[1]:
        return Check("terminal", "lack", found, "make the window at least 80×24")
    if console.color_system is None:
        return Check("terminal", "lack", found, "export TERM=xterm-256color")
    return Check("terminal", "ok", found)


def try_python(program: str) -> tuple[bool, str]:
    """Runs a program in an interpreter of its own: whether it ended well, and the last line of what it said."""
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program],
            capture_output=True, text=True, errors="replace", timeout=_IMPORT_PATIENCE_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False, f"no answer within {_IMPORT_PATIENCE_SECONDS} seconds"
    lines = (done.stdout if done.returncode == 0 else done.stderr or done.stdout).strip().splitlines()
    return done.returncode == 0, lines[-1] if lines else ""


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _memory_of(card: CardSnapshot) -> str:
    if not card.memory_total:
        return "memory not told: the driver lets nobody but an administrator ask"
    return f"{_gib(card.memory_free)} of {_gib(card.memory_total)} free"


def _gib(count: int) -> str:
    return f"{count / GIB:.1f} GiB"
