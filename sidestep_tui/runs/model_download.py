"""Model folders from the Hugging Face Hub: what there is, how large it is, and downloads that go on where they broke.

Needs no torch, so the terminal's first-run set-up can use it as well as `sidestep models download`. Mirrors are named
by HF_ENDPOINT; where a token is needed, huggingface_hub finds it in its usual place, and it is never shown.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PureWindowsPath
from typing import Any, Final

import portalocker

from sidestep_tui.errors import SidestepError

_MAIN: Final = "ACE-Step/Ace-Step1.5"
_SHARED: Final = ("vae", "Qwen3-Embedding-0.6B")
_IN_MAIN: Final = "acestep-v15-turbo"
OFFICIAL: Final = (
    *(_IN_MAIN, "acestep-v15-base", "acestep-v15-sft"),
    *("acestep-v15-xl-turbo", "acestep-v15-xl-base", "acestep-v15-xl-sft"),
    *("acestep-v15-turbo-shift1", "acestep-v15-turbo-shift3", "acestep-v15-turbo-continuous"),
)
"""Folder names of the published models."""
_LANGUAGE_MODEL_IN_MAIN: Final = "acestep-5Hz-lm-1.7B"
LANGUAGE_MODELS: Final = ("acestep-5Hz-lm-0.6B", _LANGUAGE_MODEL_IN_MAIN, "acestep-5Hz-lm-4B")
"""Folder names of the published language models, which write captions and are not trained here."""
_WANTED: Final = ("*.safetensors", "*.json", "*.pt", "*.txt", "*.py")

OnProgress = Callable[[int, int], None]
"""Called with bytes that are here and bytes in all."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a model on the Hub and its place below the folder of models."""

    repository: str
    revision: str
    path: str
    below: str
    size: int
    sha256: str | None = None

    def target(self, folder: Path) -> Path:
        """Where it lies below `folder` once it is here."""
        return folder / self.below / self.path

    def is_here(self, folder: Path) -> bool:
        """Whether it is there whole: a file that was not finished has another name."""
        target = self.target(folder)
        return target.is_file() and target.stat().st_size == self.size

    def partial(self, folder: Path) -> Path:
        """What has come of it so far; of this revision, since pieces of two would make one damaged file."""
        target = self.target(folder)
        return target.with_name(f".{target.name}.{self.revision[:12]}.part")

    def bytes_here(self, folder: Path) -> int:
        """How much of it is there already."""
        if self.is_here(folder):
            return self.size
        partial = self.partial(folder)
        return min(partial.stat().st_size, self.size) if partial.is_file() else 0


def plan_download(name: str, folder: Path) -> list[RemoteFile]:
    """The files of a model, and of the VAE and text encoder where `folder` lacks what it needs, with their sizes.

    Args:
        name: an official folder name, or `OWNER/NAME` of any model on the Hub.
        folder: what holds, or will hold, the models.

    Raises:
        SidestepError: there is no such model, or the Hub cannot be reached.
    """
    if name not in (*OFFICIAL, *LANGUAGE_MODELS) and "/" not in name:
        raise SidestepError(
            f"There is no published model {name!r}.",
            where=name,
            fix=f"choose one of {', '.join((*OFFICIAL, *LANGUAGE_MODELS))}, or OWNER/NAME",
        )
    files: list[RemoteFile] = []
    wanted = () if name in LANGUAGE_MODELS else _SHARED
    in_main = [part for part in wanted if not (folder / part / "config.json").is_file()]
    whole_in_main = name in (_IN_MAIN, _LANGUAGE_MODEL_IN_MAIN)
    if whole_in_main:
        in_main.append(name)
    if in_main:
        files += [file for file in _files(_MAIN, "") if file.path.split("/")[0] in in_main]
    if not whole_in_main:
        repository = name if "/" in name else f"ACE-Step/{name}"
        files += _files(repository, name.rpartition("/")[2])
    return files


def download(files: Sequence[RemoteFile], folder: Path, on_progress: OnProgress = lambda _done, _total: None) -> None:
    """Fetches what is not here yet; a call that was cut is made again and goes on.

    Raises:
        SidestepError: the disk is too small, the connection was lost, or the Hub refuses.
    """
    total = sum(file.size for file in files)
    done = sum(file.bytes_here(folder) for file in files)
    folder.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(folder).free) < total - done:
        raise SidestepError(
            f"The download needs {(total - done) / 1e9:.1f} GB, {free / 1e9:.1f} GB are free.",
            where=folder,
            fix="free some space or choose another folder",
        )
    on_progress(done, total)
    for file in files:
        if not file.is_here(folder):
            others = done - file.bytes_here(folder)
            with _errors_named(file.repository):
                _fetch(file, folder, _counter(others, total, on_progress))
            done = others + file.size
            on_progress(done, total)


def _fetch(file: RemoteFile, folder: Path, counter: Any) -> None:
    """Fetches one file, from where an earlier call was cut.

    huggingface_hub's own `hf_hub_download` throws a part of a file away when it is stopped (2.4), and the weights are
    files of 5 GB: only its single request is used, on a part that is kept.
    """
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    target, partial = file.target(folder), file.partial(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("ab") as stream:
        try:
            portalocker.lock(stream, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except portalocker.LockException as error:
            raise SidestepError(
                "Another process downloads this file now.", where=target, fix="wait until it is done"
            ) from error
        if stream.tell() > file.size:
            stream.seek(0)
            stream.truncate()
        http_get(
            hf_hub_url(file.repository, file.path, revision=file.revision),
            stream,
            resume_size=stream.tell(),
            headers={**build_hf_headers(), "Accept-Encoding": "identity"},
            expected_size=file.size or None,
            tqdm_class=counter,
        )
        stream.flush()  # the last bytes may still be Python's, and the checksum is that of the file
        os.fsync(stream.fileno())
        _check(file, partial)
        partial.replace(target)


def _check(file: RemoteFile, partial: Path) -> None:
    """Holds what came against the Hub's checksum, where there is one; a damaged file is thrown away."""
    if file.sha256 is None:
        return
    with partial.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != file.sha256:
        partial.unlink()
        raise SidestepError(
            "A file came damaged, and was thrown away.", where=file.path, fix="run the same command again"
        )


def _files(repository: str, below: str) -> list[RemoteFile]:
    from huggingface_hub import HfApi

    with _errors_named(repository):
        info = HfApi().model_info(repository, files_metadata=True)
    return [
        RemoteFile(repository, info.sha or "main", file.rfilename, below, file.size or 0, file.lfs and file.lfs.sha256)
        for file in info.siblings or []
        if _stays_below(file.rfilename) and any(fnmatch(file.rfilename, pattern) for pattern in _WANTED)
    ]


def _stays_below(path: str) -> bool:
    """Whether a name that the Hub, or a mirror, gives leads nowhere else."""
    return not PureWindowsPath(path).anchor and ".." not in PureWindowsPath(path).parts


def _counter(before: int, total: int, on_progress: OnProgress) -> Any:
    """A progress bar as huggingface_hub wants it, that draws nothing and counts the bytes of one file."""
    from huggingface_hub.utils import tqdm

    class Counter(tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options | {"disable": True})
            self.here = before + int(options.get("initial") or 0)

        def update(self, n: float | None = 1) -> None:
            self.here += int(n or 0)
            on_progress(min(self.here, total), total)

    return Counter


@contextmanager
def _errors_named(repository: str) -> Iterator[None]:
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    try:
        yield
    except RepositoryNotFoundError as error:
        raise SidestepError(
            "There is no such model on the Hub, or it is private.",
            where=repository,
            fix="check the name; `hf auth login` gives access to private models",
        ) from error
    except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        raise SidestepError(
            f"The download stopped: {type(error).__name__}.",
            where=repository,
            fix="run the same command again, it goes on where it stopped; HF_ENDPOINT names a mirror",
        ) from error
