"""`export --push`: what reaches the Hub, and what is said when it does not. The Hub's own client is replaced."""

from pathlib import Path
from typing import Any, ClassVar

import httpx2
import pytest
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.engine.export import push
from tests.engine.conftest import trained


class Hub:
    """HfApi as far as it is used; keeps what it was asked."""

    asked: ClassVar[list[tuple[str, dict[str, Any]]]] = []
    failure: ClassVar[Exception | None] = None

    def create_repo(self, repo_id: str, **options: Any) -> None:
        if self.failure:
            raise self.failure
        self.asked.append((repo_id, options))

    def upload_folder(self, repo_id: str, folder_path: Path, **options: Any) -> str:
        self.asked.append((repo_id, {"files": sorted(path.name for path in Path(folder_path).iterdir())}))
        return f"https://hub.test/{repo_id}/commit/1"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> type[Hub]:
    monkeypatch.setattr(push, "HfApi", Hub)
    monkeypatch.setattr(Hub, "asked", [])
    monkeypatch.setattr(Hub, "failure", None)
    return Hub


@pytest.mark.parametrize("public", [False, True])
def test_the_folder_is_uploaded_and_private_unless_asked(
    engine: Any, hub: type[Hub], tiny_checkpoint: Path, tmp_path: Path, public: bool
) -> None:
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", LoraSettings(rank=2))
    document = {"adapter": str(adapter), "output": str(tmp_path / "mine"), "push": "me/mine", "format": "comfyui"}
    _, state = engine.run("push", "export", document | {"public": public, "licence": "cc-by-4.0"})
    assert hub.asked == [
        ("me/mine", {"private": not public, "exist_ok": True}),
        ("me/mine", {"files": ["README.md", "mine.safetensors"]}),
    ]
    assert state.results["pushed"] == "https://hub.test/me/mine/commit/1"
    assert 'license: "cc-by-4.0"' in (tmp_path / "mine" / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("failure", "fix"),
    [
        (LocalTokenNotFoundError("no token"), "hf auth login"),
        (
            HfHubHTTPError("no", response=httpx2.Response(403, request=httpx2.Request("POST", "https://hub.test"))),
            "may write there",
        ),
        (httpx2.ConnectError("no network"), "try again later"),
    ],
    ids=["no token", "refused", "no network"],
)
def test_a_refused_upload_is_told_and_the_folder_stays(
    engine: Any, hub: type[Hub], tiny_checkpoint: Path, tmp_path: Path, monkeypatch: Any, failure: Exception, fix: str
) -> None:
    monkeypatch.setattr(hub, "failure", failure)
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", LoraSettings(rank=2))
    document = {"adapter": str(adapter), "output": str(tmp_path / "mine"), "push": "me/mine"}
    run = engine.create("push", "export", document)
    code, state = engine.work(run)
    assert code == 1
    assert fix in state.failure.fix
    assert f"`sidestep resume {run.path}`" in state.failure.fix
    assert (tmp_path / "mine" / "adapter_model.safetensors").is_file()
    monkeypatch.setattr(hub, "failure", None)
    code, state = engine.work(run)  # `sidestep resume`: the folder that is there is uploaded
    assert (code, state.results["pushed"]) == (0, "https://hub.test/me/mine/commit/1")
