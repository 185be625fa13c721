"""Model folders for a first run: those that lie in the usual places, and those that can be downloaded."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sidestep_tui.config.places import is_folder
from sidestep_tui.runs.model_download import OFFICIAL
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.figures import size
from sidestep_tui.tui.programs import RunningCommand, command_json

_FIX: Final = _("see `sidestep models list`")
_AGAIN: Final = _("try again: it goes on where it stopped")
_ANSWER_SECONDS: Final = 120
_ABOUT: Final = {True: _("XL, about 20 GB"), False: _("2B, about 5 GB")}

OnProgress = Callable[[int, int], None]
"""Called with bytes that are here and bytes in all."""


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model folder on this machine. `problem` says why it cannot be used as it is."""

    path: Path
    kind: str
    problem: str = ""

    @property
    def title(self) -> str:
        """`xl base`, or what is wrong with it."""
        return self.problem or self.kind


@dataclass(frozen=True, slots=True)
class Download:
    """A published model and the folder of models that it would come into; sizes in bytes."""

    name: str
    folder: Path
    whole: int
    here: int
    free: int

    @property
    def target(self) -> Path:
        """The model's own folder."""
        return self.folder / self.name.rpartition("/")[2]

    @property
    def missing(self) -> int:
        """Bytes that must still come."""
        return self.whole - self.here

    @property
    def title(self) -> str:
        """`6.2 GiB, 1.1 GiB of it here, 210 GiB free`."""
        words = _("{whole}, {here} of it here, {free} free") if self.here else _("{whole}, {free} free")
        return words.format(whole=size(self.whole), here=size(self.here), free=size(self.free))


def find_models() -> tuple[FoundModel, ...]:
    """The models in the usual places (`config.places.model_homes`), the usable ones first. Takes about a second.

    Raises:
        SidestepError: the command that looks for them failed.
    """
    documents = command_json("models", "list", where=_("the usual places for models"), fix=_FIX)
    found = [_found(document) for document in documents]
    return tuple(sorted(found, key=lambda model: bool(model.problem)))


def _found(document: dict[str, Any]) -> FoundModel:
    kind = f"{'xl ' if document.get('is_xl') else ''}{document.get('variant', '')}"
    return FoundModel(Path(document["path"]), kind, spoken(str(document.get("problem", ""))))


def downloadable() -> tuple[tuple[str, str], ...]:
    """The published models by name, each with its size in words."""
    return tuple((name, _ABOUT["-xl-" in name]) for name in OFFICIAL)


def plan_download(name: str, folder: Path) -> Download:
    """What a download would fetch, as the Hub tells it.

    Raises:
        SidestepError: there is no such model, or the Hub cannot be reached.
    """
    words = ("models", "download", name, "--to", str(folder), "--sizes")
    document = command_json(*words, where=name, fix=_AGAIN, seconds=_ANSWER_SECONDS)
    there = next(place for place in (folder, *folder.absolute().parents) if is_folder(place))
    free = shutil.disk_usage(there).free
    return Download(name, folder, int(document["bytes"]), int(document["bytes_here"]), free)


class Fetching:
    """A download in a process of its own, so that it can be ended between any two bytes and taken up again."""

    def __init__(self, download: Download) -> None:
        words = ("models", "download", download.name, "--to", str(download.folder))
        self._command = RunningCommand(*words, where=download.name, fix=_AGAIN)

    def follow(self, on_progress: OnProgress) -> None:
        """Waits for the end.

        Raises:
            SidestepError: the disk is too small, the connection was lost, or the Hub refuses.
        """
        for document in self._command.documents():
            if document.get("type") == "Progress":
                on_progress(int(document["done"]), int(document["total"]))

    def end(self) -> None:
        """Ends it; the same download goes on from here later."""
        self._command.end()
