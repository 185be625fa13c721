"""Fetching a published model: how large it is, then its progress; ended at any time, and taken up again later."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Final, Literal, ParamSpec

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.figures import share, size
from sidestep_tui.tui.leaving import Dialog
from sidestep_tui.tui.outline import bar
from sidestep_tui.tui.text import clean, literal, shorten_middle
from sidestep_tui.tui.wizard.models import Download, Fetching, plan_download

P = ParamSpec("P")
Stage = Literal["asking", "ready", "fetching", "ending", "failed"]
_WIDTH: Final = 60
_KEYS: Final[dict[Stage, str]] = {
    "asking": _("[{key}]escape[/] back"),
    "ready": _("[{key}]y[/] download it    [{key}]escape[/] back"),
    "fetching": _("[{key}]escape[/] stop; the next download goes on from here"),
    "ending": "",
    "failed": _("[{key}]r[/] try again    [{key}]escape[/] back"),
}


class DownloadScreen(Dialog[Path | None]):
    """Says what a model's download is, fetches it when told to, and closes with the model's folder.

    Args:
        name: of a published model, or OWNER/NAME on the Hub.
        folder: what holds, or will hold, the models.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "fetch", _("Download it")),
        Binding("r", "again", _("Try again")),
        Binding("escape", "interrupt", _("Stop")),
    ]
    DEFAULT_CSS = "DownloadScreen .dialog { width: 70; } DownloadScreen #state { height: 3; }"

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__()
        self._model = name
        self._folder = folder
        self._stage: Stage = "asking"
        self._download: Download | None = None
        self._fetching: Fetching | None = None

    def compose(self) -> ComposeResult:
        """What and where to, how it stands, the keys."""
        with Vertical(classes="dialog"):
            yield Static(literal(_("Download {model}").format(model=self._model), "bold"), classes="dialog-title")
            folder = shorten_middle(str(self._folder), _WIDTH - 5)
            yield Static(literal(_("into {folder}").format(folder=folder)), classes="dialog-line")
            yield Static(id="state")
            yield Static(id="keys")

    def on_mount(self) -> None:
        """Asks the Hub."""
        self.action_again()

    def on_unmount(self) -> None:
        """Nothing is fetched for a screen that is gone."""
        if self._fetching is not None:
            self._fetching.end()

    def action_again(self) -> None:
        """Asks for the sizes, at first and after a failure."""
        if self._stage in ("asking", "failed"):
            self._show("asking", Content.styled(_("Asking the Hub how large it is …"), "$text-muted"))
            self._ask()

    def action_fetch(self) -> None:
        """Begins."""
        if self._stage == "ready" and self._download is not None:
            self._show("fetching", Content.styled(_("Connecting …"), "$text-muted"))
            self._fetching = Fetching(self._download)
            self._follow(self._fetching, self._download.target)

    def action_interrupt(self) -> None:
        """Ends what is being fetched, or leaves."""
        if self._fetching is not None and self._stage == "fetching":
            self._show("ending", Content.styled(_("Stopping …"), "$text-muted"))
            self._fetching.end()
        elif self._stage != "ending":
            self.dismiss(None)

    @work(thread=True, group="download")
    def _ask(self) -> None:
        try:
            found = plan_download(self._model, self._folder)
        except SidestepError as error:
            self._tell(self._fail, error)
        else:
            self._tell(self._offer, found)

    @work(thread=True, group="download")
    def _follow(self, fetching: Fetching, target: Path) -> None:
        try:
            fetching.follow(lambda done, total: self._tell(self._draw, done, total))
        except SidestepError as error:
            self._tell(self._fail, error)
        else:
            self._tell(self._finish, target)

    def _tell(self, what: Callable[P, None], *arguments: P.args, **options: P.kwargs) -> None:
        """From a thread, what there is to show; nothing where the screen was left meanwhile."""
        if self.is_attached and self.app.is_running:
            self.app.call_from_thread(what, *arguments, **options)

    def _offer(self, found: Download) -> None:
        self._download = found
        if self._stage != "asking":
            return
        if not found.missing:
            self.dismiss(found.target)
        elif found.missing > found.free:
            self._show(
                "failed", Content.styled(_("! {sizes}: free some space first").format(sizes=found.title), "$text-error")
            )
        else:
            self._show("ready", Content(clean(found.title)))

    def _draw(self, done: int, total: int) -> None:
        if self._stage == "fetching":
            full, rest = bar(done / max(1, total), _WIDTH - 8)
            line = Content.assemble((full, "$primary"), (rest, "$text-muted"), f" {share(done / max(1, total)):>6}")
            self._show(
                "fetching",
                Content("\n").join([line, Content(_("{done} of {total}").format(done=size(done), total=size(total)))]),
            )

    def _finish(self, target: Path) -> None:
        self._fetching = None
        self.dismiss(None if self._stage == "ending" else target)

    def _fail(self, error: SidestepError) -> None:
        self._fetching = None
        lines = [
            Content.styled(f"! {clean(spoken(error.what))}", "bold $text-error"),
            Content(clean(spoken(error.fix or ""))),
        ]
        self._show("failed", Content("\n").join(lines))

    def _show(self, stage: Stage, state: Content) -> None:
        self._stage = stage
        self.query_one("#state", Static).update(state)
        self.query_one("#keys", Static).update(_KEYS[stage].format(key="b $footer-key-foreground"))
