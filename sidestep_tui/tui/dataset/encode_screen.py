"""The part of the review that leads on to training: it encodes the songs, or opens the wizard with them filled in."""

import asyncio
from pathlib import Path
from typing import ClassVar, Final

from textual import work
from textual.binding import Binding, BindingType

from sidestep_tui.config.jobs import PreprocessSettings
from sidestep_tui.config.places import expanded
from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _, ngettext
from sidestep_tui.tui.busy import WaitScreen
from sidestep_tui.tui.dataset import encoding
from sidestep_tui.tui.dataset.label_screen import LabellingScreen, folder_problem
from sidestep_tui.tui.figures import count
from sidestep_tui.tui.starting import start_engine
from sidestep_tui.tui.wizard.dialogs import AskScreen, Choice, PickScreen
from sidestep_tui.tui.wizard.models import FoundModel, find_models
from sidestep_tui.tui.wizard.start import remembered, tensors_for

_TYPED: Final = "typed"
_WIZARD: Final = "wizard"


class EncodingScreen(LabellingScreen):
    """A review whose songs can be encoded. The monitor of the run comes above it, and `esc` there leads back here."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "encode", _("Encode"), tooltip=_("Encode the songs for training (preprocess), in the background")),
    ]

    @work(exclusive=True, group="dialog")
    async def action_encode(self) -> None:
        """Saves if need be, asks for the model and the folder, and starts."""
        if not await self._is_saved():
            return
        chosen = await self._choose()
        if chosen == _WIZARD:
            self.sidestep.open("wizard", values={encoding.SONGS: str(self.review.dataset.place.absolute())})
        elif chosen is not None and (model := await self._model(chosen)) is not None:
            await self._start(model)

    async def _is_saved(self) -> bool:
        """Asks what becomes of unsaved edits; False where the person stays."""
        if not self.review.session.has_unsaved_edits:
            return True
        choices = [
            Choice("save", _("Save, then encode")),
            Choice("stay", _("Stay"), _("only what is saved is encoded")),
        ]
        choice = await self.app.push_screen_wait(PickScreen(self._unsaved(), choices))
        return choice == "save" and await self.save()

    async def _choose(self) -> str | None:
        """A model folder, or another way to go on; None where somebody left."""
        found = await self.app.push_screen_wait(WaitScreen(_("Looking for models …"), _found_models()))
        if found is None:
            return None
        titles = {str(model.path): model.title for model in found}
        last = remembered().get(encoding.MODEL)
        if last is not None:
            titles = {last: _("the model of the last time"), **titles}
        choices = [
            *(Choice(path, Path(path).name, f"{title}  {Path(path).parent}") for path, title in titles.items()),
            Choice(_TYPED, _("Another model …"), _("type its folder")),
            Choice(_WIZARD, _("Set up the training too …"), _("the wizard, which encodes first")),
        ]
        songs = len(self.review.songs)
        title = ngettext("Encode {count} song with", "Encode {count} songs with", songs).format(count=count(songs))
        return await self.app.push_screen_wait(PickScreen(title, choices, current=last))

    async def _model(self, chosen: str) -> Path | None:
        if chosen != _TYPED:
            return Path(chosen)
        ask = AskScreen(_("The folder of the model"), check=folder_problem, note=_("a model folder of either layout"))
        text = await self.app.push_screen_wait(ask)
        return expanded(text) if text else None

    async def _start(self, model: Path) -> None:
        """Asks where the tensors go, and starts the engine."""
        usual = str(tensors_for(self.review.dataset.place))
        note = _("songs that are there already and have not changed are not encoded again")
        text = await self.app.push_screen_wait(AskScreen(_("Where the tensors go"), usual, note=note))
        if not text:
            return
        self._start_encoding(encoding.prepare(self.review.dataset, model, expanded(text)))

    @work(group="starts")
    async def _start_encoding(self, settings: PreprocessSettings) -> None:
        """Takes seconds; the monitor does not come above what was opened meanwhile, which may be typed in."""
        try:
            run = await asyncio.to_thread(encoding.make_run, settings)
        except SidestepError as error:
            self.sidestep.tell_error(error)
            return
        if not await asyncio.to_thread(start_engine, self.sidestep, run):
            return
        if self.app.screen is self:
            self.sidestep.open("monitor", run=run)
        else:
            self.sidestep.tell(_("{name} is at work; the list of runs leads to it.").format(name=run.name))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Encoding needs songs."""
        if action == "encode":
            return bool(self.review.songs)
        return super().check_action(action, parameters)


async def _found_models() -> tuple[FoundModel, ...]:
    """Those in the usual places; without a list, a path can still be typed."""
    try:
        return await asyncio.to_thread(find_models)
    except SidestepError:
        return ()
