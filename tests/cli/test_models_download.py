"""`sidestep models download` against a Hub on loopback: sizes first, whole files, and on where it was cut."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runs.hub import COMMIT, Hub, serving_hub

TOKEN = "hf_secret0123456789"
WEIGHTS = bytes(range(256)) * 100_000
VAE = b"v" * 500
"""Less than Python keeps in memory of a file that is open."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving_hub() as hub:
        shared = {
            "vae/config.json": b"{}",
            "vae/model.safetensors": VAE,
            "Qwen3-Embedding-0.6B/config.json": b"{}",
        }
        main = {"acestep-v15-turbo/config.json": b"{}", "acestep-v15-turbo/model.safetensors": WEIGHTS}
        hub.repositories["ACE-Step/Ace-Step1.5"] = shared | main | {"acestep-5Hz-lm-1.7B/model.safetensors": b"no"}
        hub.repositories["ACE-Step/acestep-v15-base"] = {
            "config.json": b"{}",
            "README.md": b"#",
            "model.safetensors": WEIGHTS,
        }
        yield hub


def environment_of(hub: Hub) -> dict[str, str]:
    own = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    return os.environ | own


def run(hub: Hub, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: huggingface_hub reads its endpoint once."""
    command = [sys.executable, "-m", "sidestep_tui.cli.main", "models", "download", *map(str, arguments)]
    return subprocess.run(command, env=environment_of(hub) | environment, capture_output=True, text=True, timeout=120)


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_sizes_are_told_before_anything_is_fetched(hub: Hub, tmp_path: Path) -> None:
    done = run(hub, "acestep-v15-turbo", "--to", tmp_path / "models", "--sizes", "--json")
    assert done.returncode == 0, done.stderr
    (document,) = lines(done)
    assert document["bytes"] == len(WEIGHTS) + len(VAE) + 3 * 2
    assert (document["bytes_here"], len(document["files"])) == (0, 5)
    assert not (tmp_path / "models").exists()


def test_a_model_comes_with_what_it_needs_beside_it(hub: Hub, tmp_path: Path) -> None:
    models = tmp_path / "models"
    done = run(hub, "acestep-v15-base", "--to", models, "--json")
    assert done.returncode == 0, done.stderr
    assert (models / "acestep-v15-base" / "model.safetensors").read_bytes() == WEIGHTS
    assert (models / "vae" / "model.safetensors").read_bytes() == VAE
    assert not (models / "acestep-v15-turbo").exists()
    assert not (models / "acestep-v15-base" / "README.md").exists()
    progress = [line for line in lines(done) if line.get("type") == "Progress"]
    assert progress[-1]["done"] == progress[-1]["total"] == len(WEIGHTS) + len(VAE) + 2 * 2 + 2
    asked = len(hub.asked)
    again = run(hub, "acestep-v15-base", "--to", models, "--json")
    assert again.returncode == 0
    assert lines(again)[0]["bytes_here"] == lines(again)[0]["bytes"]
    assert all(path.startswith("/api/") for _, path, _ in hub.asked[asked:])


def test_a_language_model_comes_alone(hub: Hub, tmp_path: Path) -> None:
    """One is in the main repository, the others have their own; neither needs what a model to train needs."""
    for name, repository, below in (
        ("acestep-5Hz-lm-1.7B", "ACE-Step/Ace-Step1.5", "acestep-5Hz-lm-1.7B/"),
        ("acestep-5Hz-lm-4B", "ACE-Step/acestep-5Hz-lm-4B", ""),
    ):
        files = {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": WEIGHTS}
        here = {f"{below}{file}": content for file, content in files.items()}
        hub.repositories[repository] = hub.repositories.get(repository, {}) | here
        done = run(hub, name, "--to", tmp_path / "models")
        assert done.returncode == 0, done.stderr
        there = sorted(file.name for file in (tmp_path / "models" / name).iterdir())
        assert there == ["config.json", "model.safetensors", "tokenizer.json"]
    assert sorted(folder.name for folder in (tmp_path / "models").iterdir()) == [
        "acestep-5Hz-lm-1.7B",
        "acestep-5Hz-lm-4B",
    ]


def test_a_cut_connection_is_taken_up_where_it_broke(hub: Hub, tmp_path: Path) -> None:
    hub.cut_after = [15_000_000]  # the client keeps pieces of 10 MB
    done = run(hub, "acestep-v15-base", "--to", tmp_path / "models")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "models" / "acestep-v15-base" / "model.safetensors").read_bytes() == WEIGHTS
    assert len(hub.ranges()) == 1
    assert int(hub.ranges()[0].removeprefix("bytes=").rstrip("-")) > 0


def test_a_download_that_was_killed_goes_on_and_a_damaged_part_is_thrown_away(hub: Hub, tmp_path: Path) -> None:
    models = tmp_path / "models"
    weights = models / "acestep-v15-base" / "model.safetensors"
    part = weights.with_name(f".model.safetensors.{COMMIT[:12]}.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(WEIGHTS[:1000])
    (document,) = lines(run(hub, "acestep-v15-base", "--to", models, "--sizes", "--json"))
    assert document["bytes_here"] == 1000
    assert run(hub, "acestep-v15-base", "--to", models).returncode == 0
    assert weights.read_bytes() == WEIGHTS
    assert hub.ranges() == ["bytes=1000-"]
    weights.unlink()
    part.write_bytes(b"x" * 1000)
    done = run(hub, "acestep-v15-base", "--to", models)
    assert (done.returncode, "came damaged" in done.stderr) == (1, True)
    part.write_bytes(WEIGHTS + b"more than there is")
    assert run(hub, "acestep-v15-base", "--to", models).returncode == 0
    assert sorted(file.name for file in weights.parent.iterdir()) == ["config.json", "model.safetensors"]


def test_the_token_reaches_the_hub_and_no_log(hub: Hub, tmp_path: Path) -> None:
    done = run(hub, "acestep-v15-base", "--to", tmp_path / "models", "--debug", HF_DEBUG="1", HF_HUB_VERBOSITY="debug")
    assert any(headers.get("authorization") == f"Bearer {TOKEN}" for _, _, headers in hub.asked)
    assert TOKEN not in done.stdout + done.stderr


def test_unknown_names_and_a_silent_hub_are_told_in_words(hub: Hub, tmp_path: Path) -> None:
    for name, words in (("acestep-v16", "no published model"), ("someone/nothing", "no such model on the Hub")):
        done = run(hub, name, "--to", tmp_path / "models")
        assert done.returncode == 1
        assert words in done.stderr
        assert "Traceback" not in done.stderr
    done = run(hub, "acestep-v15-base", "--to", tmp_path, HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 1
    assert "run the same command again" in done.stderr


def test_a_download_loads_no_torch(hub: Hub, tmp_path: Path) -> None:
    call = ["models", "download", "acestep-v15-base", "--to", str(tmp_path / "models")]
    program = f"import sys\nfrom sidestep_tui.cli.main import main\nprint(main({call}), 'torch' in sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment_of(hub), capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "0 False", done.stderr


def test_names_that_lead_out_of_the_folder_are_not_fetched(hub: Hub, tmp_path: Path) -> None:
    hub.repositories["ACE-Step/acestep-v15-base"] |= {"../../escaped.json": b"{}", "C:\\escaped.json": b"{}"}
    done = run(hub, "acestep-v15-base", "--to", tmp_path / "a" / "b" / "models", "--sizes", "--json")
    (document,) = lines(done)
    assert not [file for file in document["files"] if "escaped" in str(file)]
    assert len(document["files"]) == 5
