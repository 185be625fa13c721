"""The model of a first run, asked line by line: those in the usual places by number, or a download."""

from collections.abc import Callable
from pathlib import Path

from sidestep_tui.config.places import downloads_home, whole_path
from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.failures import in_words
from sidestep_tui.tui.figures import share, size
from sidestep_tui.tui.wizard.models import Fetching, FoundModel, downloadable, find_models, plan_download
from sidestep_tui.tui.wizard.start import remember_model

_TENTH = 0.1


class PlainModels:
    """What can be the model.

    Args:
        say: prints one line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._found: tuple[FoundModel, ...] = ()

    def offer(self) -> None:
        """Says which models there are, and how one is downloaded."""
        try:
            self._found = find_models()
        except SidestepError as error:
            self._say(spoken(error.what))
        for number, model in enumerate(self._found, start=1):
            self._say(f"{number}. {model.path} ({model.title})")
        if self._found:
            self._say(_("Answer with the number of a model, or with the path of another one."))
        else:
            self._say(_("No model lies in the usual places. Answer with the path of one, or download one:"))
        self._say(_(":models lists them again, :download NAME [FOLDER] fetches one of these, or OWNER/NAME:"))
        self._say(f"  {'; '.join(f'{name} ({about})' for name, about in downloadable())}")

    def picked(self, answer: str) -> str:
        """The path that a number stands for; any other answer as it is."""
        if answer.isdecimal() and 1 <= int(answer) <= len(self._found):
            return str(self._found[int(answer) - 1].path)
        return answer

    def download(self, words: str) -> Path | None:
        """Fetches `NAME [FOLDER]` and gives its folder; None where it failed or was interrupted, both told."""
        name, _space, folder = words.strip().partition(" ")
        if not name:
            self._say(_("Say which: :download NAME [FOLDER]."))
            return None
        try:
            plan = plan_download(name, whole_path(folder) if folder else downloads_home())
            words = _("{name} into {folder}: {sizes}. Ctrl+C stops it; the same line goes on later.")
            self._say(words.format(name=name, folder=plan.folder, sizes=plan.title))
            self._follow(Fetching(plan))
            remember_model(plan.target)
        except SidestepError as error:
            for line in in_words(error):
                self._say(line)
            return None
        except KeyboardInterrupt:
            self._say(_("Stopped. The same line goes on from here."))
            return None
        return plan.target

    def _follow(self, fetching: Fetching) -> None:
        told = -_TENTH

        def tell(done: int, total: int) -> None:
            nonlocal told
            part = done / max(1, total)
            if part - told >= _TENTH or done == total:
                told = part
                self._say(_("{share}, {done} of {total}").format(share=share(part), done=size(done), total=size(total)))

        try:
            fetching.follow(tell)
        except KeyboardInterrupt:
            fetching.end()
            raise
