"""What the run has put on disk, as a list: checkpoints, samples, and the results it told at its end."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.state import RunState
from sidestep_tui.texts import _
from sidestep_tui.tui.figures import count, number
from sidestep_tui.tui.results import results
from sidestep_tui.tui.words import word


@dataclass(frozen=True, slots=True)
class RunFile:
    """One line: a key of its own, what it is, its colour, the step it is of, its path or value, what is in it."""

    key: str
    kind: str
    colour: str
    step: str
    path: str
    note: str


def pruned(run: RunDirectory, state: RunState) -> frozenset[str]:
    """The checkpoints that made room for later ones (`checkpoints.keep_last`), by their paths. Reads the folder."""
    try:
        kept = {str(folder.relative_to(run.path)) for folder in run.checkpoints.iterdir()}
    except OSError:
        return frozenset()
    regular = {saved.path for saved in state.checkpoints if saved.kind == "regular"}
    return frozenset(regular - kept) if kept else frozenset()


def run_files(state: RunState, gone: Collection[str] = ()) -> Iterator[RunFile]:
    """What the run has written so far and what of it is not `gone`, by kind, the newest last."""
    newest = {saved.path: saved.seq for saved in state.checkpoints}  # `best` is written again and again
    for saved in (saved for saved in state.checkpoints if saved.seq == newest[saved.path] and saved.path not in gone):
        yield RunFile(f"c{saved.seq}", "checkpoint", "primary", count(saved.step), saved.path, word(saved.kind))
    for sample in state.samples:
        scale = (
            _(", adapter × {adapter_scale}").format(adapter_scale=number(sample.adapter_scale))
            if sample.adapter_scale is not None
            else ""
        )
        step = count(sample.step) if sample.step is not None else ""
        yield RunFile(
            f"s{sample.seq}",
            "sample",
            "success",
            step,
            sample.path,
            _("{prompt} (seed {seed}{scale})").format(prompt=sample.prompt, seed=sample.seed, scale=scale),
        )
    for result in results(state.results):
        value = str(state.results[result.key]) if result.is_path else result.value  # a path as it is, to be fetched
        yield RunFile(f"r{result.key}", "result", "accent", "", value, result.name)
