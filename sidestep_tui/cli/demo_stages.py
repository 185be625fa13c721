"""The stages of `sidestep demo`: each does real work, then looks at what it left and says so in a line, or fails."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from sidestep_tui.cli.demo_songs import SONGS, write_songs
from sidestep_tui.cli.follow import launch_and_follow
from sidestep_tui.cli.output import Output
from sidestep_tui.config.jobs import JOBS, JobName
from sidestep_tui.dataset.audio import read_audio
from sidestep_tui.dataset.session import load_dataset
from sidestep_tui.errors import ExitCode, SidestepError
from sidestep_tui.runs.directory import create_run
from sidestep_tui.runs.log import read_events
from sidestep_tui.runs.state import RunState, replay

_SECONDS: Final = 6.0
_STEPS: Final = 150
_EPOCHS_BETWEEN_VALIDATIONS: Final = 10
_LEAST_CHANGE: Final = 1e-3
"""Of the mean amplitude. The same seed without a working adapter gives exactly 0."""
_TRAINING: Final[dict[str, Any]] = {
    "adapter": {"family": "lora", "rank": 16, "alpha": 32},
    "optimizer": {"learning_rate": 2e-3},
    "training": {"epochs": 1000, "max_steps": _STEPS},
    "validation": {"songs": 1, "every_epochs": _EPOCHS_BETWEEN_VALIDATIONS, "draws": 6},
    "checkpoints": {"every_epochs": _EPOCHS_BETWEEN_VALIDATIONS},
    "memory": {"checkpointing": "none"},
}


class NothingDoneError(SidestepError):
    """A stage ended well and yet did not do its work."""


@dataclass
class Demo:
    """The folder of a demo, and what its stages learned for the summary."""

    folder: Path
    out: Output
    figures: dict[str, str | int | float | None] = field(default_factory=dict)

    @property
    def model(self) -> Path:
        """The tiny model."""
        return self.folder / "model"

    @property
    def songs(self) -> Path:
        """The synthesised songs."""
        return self.folder / "songs"

    @property
    def tensors(self) -> Path:
        """The encoded songs."""
        return self.folder / "tensors"

    @property
    def adapter(self) -> Path:
        """The trained adapter."""
        return self.folder / "runs" / "train" / "final"

    def build_model(self) -> str:
        """A tiny ACE-Step with random weights, built in a process of its own so that the command stays light."""
        package_parent = str(Path(__file__).resolve().parents[2])
        paths = [package_parent, *filter(None, [os.environ.get("PYTHONPATH")])]
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "sidestep_tui.cli.demo_model", str(self.model)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != ExitCode.DONE:
            raise SidestepError(f"The model was not built: {done.stderr.strip()[-500:]}", where=self.model)
        size = sum(path.stat().st_size for path in self.model.rglob("*") if path.is_file())
        return f"random weights, diffusers layout, {size / 1e6:.0f} MB"

    def make_songs(self) -> str:
        """Six songs with their sidecars, scanned again: what was played is what is read."""
        write_songs(self.songs)
        dataset = load_dataset(self.songs)
        read = {song.key: (song.bpm, song.keyscale, song.caption) for song in dataset.songs}
        _require(read == {song.file: (song.bpm, song.keyscale, song.caption) for song in SONGS}, "songs", read)
        suffixes = sorted({Path(song.file).suffix.removeprefix(".") for song in SONGS})
        return f"{len(read)} songs ({', '.join(suffixes)}), {sum(song.seconds for song in SONGS):.0f} s of music"

    def preprocess(self) -> str:
        """Songs to tensors."""
        results = self._work("preprocess", "preprocess", dataset=self.songs, output=self.tensors).results
        manifest = json.loads((self.tensors / "manifest.json").read_text("utf-8"))
        whole = [song for song in manifest["songs"] if (self.tensors / song["file"]).is_file()]
        _require(len(whole) == len(SONGS) and not manifest["failed"], "encoded songs", manifest["failed"])
        return f"{len(whole)} songs encoded at {results['realtime_factor']}× real time"

    def estimate(self) -> str:
        """Which modules the songs move."""
        output = self.folder / "sensitivity.json"
        results = self._work("estimate", "estimate", tensors=self.tensors, output=output, batches=len(SONGS)).results
        _require(bool(json.loads(output.read_text("utf-8"))["proposal"]), "a ranking of modules", results)
        return f"{results['modules']} modules ranked, most sensitive: {results['most_sensitive']}"

    def train(self) -> str:
        """A LoRA; the loss on fixed draws of training songs must fall."""
        state = self._work("train", "train", data={"tensors": self.tensors}, **_TRAINING)
        first, last = state.validations[0], state.validations[-1]
        _require(state.step == _STEPS, "all training steps", state.step)
        _require((self.adapter / "adapter_model.safetensors").is_file(), "an adapter", self.adapter)
        fell = last.train_loss is not None and first.train_loss is not None and last.train_loss < first.train_loss
        _require(fell, "a falling loss", f"{first.train_loss} to {last.train_loss}")
        size = (self.adapter / "adapter_model.safetensors").stat().st_size
        self.figures |= {
            "first_validation_loss": first.loss,
            "last_validation_loss": last.loss,
            "first_training_loss": first.train_loss,
            "last_training_loss": last.train_loss,
            "adapter_bytes": size,
        }
        return (
            f"{state.step} steps, validation loss {first.loss:.3f} → {last.loss:.3f}, on training songs "
            f"{first.train_loss:.3f} → {last.train_loss:.3f}; adapter {size / 1e3:.0f} kB"
        )

    def generate(self) -> str:
        """A song without and with the adapter, from the same seed: both sound, and they differ."""
        plain = self._song("generate-base", "without the adapter.wav")
        adapted = self._song("generate-adapter", "with the adapter.wav", adapter=self.adapter)
        changed = float(np.abs(adapted - plain).mean() / np.abs(plain).mean())
        _require(changed > _LEAST_CHANGE, "an adapter that is heard", changed)
        self.figures["relative_change_by_adapter"] = round(changed, 4)
        return f"2 songs of {_SECONDS:.0f} s; the adapter changes the sound by {changed:.1%}"

    def export(self) -> str:
        """The adapter as one file for ComfyUI, proven to do what was trained."""
        output = self.folder / "export-comfyui"
        results = self._work("export", "export", adapter=self.adapter, output=output, format="comfyui").results
        file = output / f"{output.name}.safetensors"
        _require(file.is_file(), "an exported file", output)
        return f"{file.name}, {results['modules']} modules, difference {results['largest_relative_difference']:.0e}"

    def _song(self, run: str, name: str, **settings: Any) -> "np.typing.NDArray[np.float32]":
        song = SONGS[0]
        output = self.folder / name
        self._work(
            run,
            "generate",
            output=output,
            prompt=song.caption,
            lyrics=song.lyrics,
            language="en",
            bpm=song.bpm,
            keyscale=song.keyscale,
            duration=_SECONDS,
            **settings,
        )
        waveform = read_audio(output)
        _require(float(np.abs(waveform).max()) > 0.1, "sound", output)
        return waveform

    def _work(self, name: str, job: JobName, **document: Any) -> RunState:
        """Runs an engine to its end, as the command of the same name does."""
        if "model" in JOBS[job].model_fields:
            document["model"] = {"checkpoint": self.model, "device": "cpu"}
        run = create_run(self.folder / "runs" / name, job, JOBS[job].model_validate(document))
        code = launch_and_follow(run, self.out, detach=False)
        state = replay(read_events(run.events_file))
        if code != ExitCode.DONE or state.status != "completed":
            raise SidestepError("The demo was interrupted.", where=run.path, exit_code=ExitCode.INTERRUPTED)
        return state


def _require(fact: bool, what: str, found: object) -> None:
    if not fact:
        raise NothingDoneError(f"The stage did not give {what}: {found}.", fix="report this with the demo's folder")
