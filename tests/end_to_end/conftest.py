"""Terminals that nobody looks at: tmux sessions with a real Side-Step in each, and songs for its engine."""

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
PATIENCE_SECONDS = 120
SIDESTEP = (sys.executable, "-m", "sidestep_tui.cli.main")


def until(condition: Callable[[], bool], what: str) -> None:
    """Waits for a condition, and not a moment longer than it takes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


class Terminals:
    """tmux sessions of one server of our own, 80 × 24."""

    def __init__(self, folder: Path) -> None:
        self._tmux = ("tmux", "-S", str(folder / "socket"), "-f", "/dev/null")

    def start(self, name: str, *command: str | Path) -> None:
        line = shlex.join(map(str, command))
        self._run("new-session", "-d", "-s", name, "-x", "80", "-y", "24", f"{line}; exec cat")

    def text(self, name: str) -> str:
        return self._run("capture-pane", "-p", "-t", name)

    def told(self, name: str, variable: str) -> str:
        """What tmux knows of a terminal: `pane_pid`, `alternate_on`, `cursor_flag`."""
        return self._run("display-message", "-p", "-t", name, f"#{{{variable}}}").strip()

    def press(self, name: str, *keys: str) -> None:
        self._run("send-keys", "-t", name, *keys)

    def paste(self, name: str, text: str) -> None:
        """A bracketed paste, as a terminal sends it."""
        subprocess.run([*self._tmux, "load-buffer", "-"], input=text, text=True, check=True)
        self._run("paste-buffer", "-p", "-d", "-t", name)

    def accept_copies(self) -> None:
        """Takes what programs send to the terminal's clipboard (OSC 52)."""
        self._run("set-option", "-g", "set-clipboard", "on")

    def copied(self) -> str:
        """What was copied last; nothing where nothing was."""
        return subprocess.run([*self._tmux, "show-buffer"], capture_output=True, text=True, check=False).stdout

    def kill(self, name: str) -> None:
        self._run("kill-session", "-t", name)

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)

    def _run(self, *words: str) -> str:
        return subprocess.run([*self._tmux, *words], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def terminals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminals]:
    opened = Terminals(tmp_path_factory.mktemp("t"))  # a socket's path is short
    yield opened
    opened.close()


@pytest.fixture
def tensors(tmp_path: Path, tiny_checkpoint: Path) -> Path:
    """Four encoded songs of noise for the tiny model."""
    import torch

    from sidestep_tui.acestep import open_checkpoint
    from sidestep_tui.engine.data import manifest as m
    from sidestep_tui.engine.data import tensors as t

    checkpoint, folder = open_checkpoint(tiny_checkpoint), tmp_path / "tensors"
    width, entries = checkpoint.config.encoder_hidden_size, []
    for index in range(4):
        key = f"song {index}.wav"
        song = t.SongTensors(
            latent_mean=torch.randn(50, 64), latent_std=torch.full((50, 64), 0.1), condition=torch.randn(9, width)
        )
        t.write_song(folder, m.song_file(key), song)
        entries.append(m.SongEntry(key, m.song_file(key), 50, 9, str(index), 2.0, "prompt", "lyrics"))
    t.write_shared(folder, t.SharedTensors(silence_latent=torch.randn(200, 64), null_condition=torch.randn(1, width)))
    m.write_manifest(folder, m.Manifest(checkpoint.fingerprint(), checkpoint.variant, width, {}, tuple(entries)))
    return folder
