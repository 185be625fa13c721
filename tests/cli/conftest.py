"""Calling the command line in this process, and folders that a run can be started from."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sidestep_tui.cli.main import main
from sidestep_tui.cli.plain_wizard import PlainWizard
from sidestep_tui.config.dit_shape import SHAPE_2B
from sidestep_tui.config.memory.load import Load
from sidestep_tui.engine.data.manifest import Manifest, write_manifest
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.wizard.facts import DataFacts, ModelFacts
from sidestep_tui.tui.wizard.models import FoundModel
from sidestep_tui.tui.wizard.state import WizardState

from .support import Talk


@dataclass
class Result:
    """What a command left."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The only document on the standard output."""
        return json.loads(self.out)

    def json_lines(self) -> list[Any]:
        """One document for each line of the standard output."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def sidestep(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`sidestep("runs", "list")` runs a command whose output goes to a pipe."""
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*arguments: object) -> Result:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[str, ...]:
    """TENSORS and --model of `sidestep train`: folders that are what they are taken for, and no more."""
    tensors, model = tmp_path / "tensors", tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text('{"model_type": "acestep"}', encoding="utf-8")
    write_manifest(tensors, Manifest("model", "turbo", 64))
    return (str(tensors), "--model", str(model))


@pytest.fixture
def adapter(tmp_path: Path) -> str:
    """A folder with the names of an adapter's files."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (folder / name).touch()
    return str(folder)


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """Two songs of one second, one of them described, and a file that is no audio."""
    folder = tmp_path / "songs"
    folder.mkdir()
    tone = np.sin(np.arange(48_000) / 20)
    for name in ("a", "b"):
        soundfile.write(folder / f"{name}.wav", np.stack([tone, tone], 1) * (0.3 if name == "a" else 0.2), 48_000)
    (folder / "a.json").write_text(
        json.dumps({"caption": "warm [piano]", "bpm": 120, "key": "D major", "lyrics": "[Verse]\nla", "language": "fr"})
    )
    (folder / "noise.mp3").write_bytes(b"no audio" * 50)
    return folder


class Script:
    """Answers in order, and remembers what was asked."""

    def __init__(self, answers: Sequence[str]) -> None:
        self._answers = iter(answers)
        self.asked: list[str] = []

    def ask(self, question: str, *, choices: Sequence[str] = (), path: bool = False) -> str:
        self.asked.append(question)
        answer = next(self._answers, None)
        if answer is None:
            raise EOFError
        return answer


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Talk:
    """Gives the answers to a wizard whose model and songs need no disk; state, lines (questions too) and run."""

    def model(path: Path, base: str | None = None) -> ModelFacts:
        if "model" not in path.name:
            raise SidestepError("This folder holds no model.", where=path)
        return ModelFacts("turbo", "original", False, SHAPE_2B.parameters, SHAPE_2B)

    def songs(path: Path) -> DataFacts:
        return DataFacts("tensors", 14, Load(5800, 400), 232.0) if "tensors" in path.name else DataFacts("missing")

    monkeypatch.setattr("sidestep_tui.cli.plain_wizard.inspect_model", model)
    monkeypatch.setattr("sidestep_tui.cli.plain_wizard.look_at_songs", songs)
    monkeypatch.setattr("sidestep_tui.tui.wizard.start.launch", lambda _run: None)
    found = (FoundModel(Path("/here/model-xl"), "xl base"), FoundModel(Path("/here/model"), "turbo"))
    monkeypatch.setattr("sidestep_tui.cli.plain_models.find_models", lambda: found)

    def talked(*answers: str, **facts: Any) -> tuple[WizardState, list[str], RunDirectory | None]:
        state, script, lines = WizardState(**facts), Script(answers), []
        wizard = PlainWizard(state, script, lines.append)
        try:
            run = wizard.run()
        except EOFError:
            run = None
        return state, [*lines, *script.asked], run

    return talked
