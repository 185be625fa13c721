"""The line that finds: a query, and beside it how many songs fit or why it cannot be used."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from sidestep_tui.texts import _
from sidestep_tui.tui.dataset.query import HINT
from sidestep_tui.tui.figures import count
from sidestep_tui.tui.text import clean


class FindLine(Horizontal):
    """Stays out of sight until it is opened or holds a query. Posts what `Input` posts."""

    DEFAULT_CSS = """
    FindLine { height: 1; dock: bottom; margin-bottom: 1; background: $surface; padding: 0 1; }
    FindLine Input { width: 1fr; background: $surface; }
    FindLine #slash { width: 2; color: $footer-key-foreground; }
    FindLine #fits {
        width: auto; max-width: 80%; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis;
    }
    """

    def __init__(self) -> None:
        super().__init__(id="query")
        self.display = False
        self.typing = False
        """Whether letters go into the line."""

    def compose(self) -> ComposeResult:
        """The slash, the query, what it does."""
        yield Static("/", id="slash")
        yield Input(placeholder=HINT, compact=True)
        yield Static(id="fits")

    def open(self) -> None:
        """Takes the letters."""
        self.display = self.typing = True
        self.query_one(Input).focus()

    def close(self, query: str) -> None:
        """Gives the letters back; stays in sight where `query` narrows the songs."""
        self.typing = False
        self.query_one(Input).value = query
        self.display = bool(query.strip())

    def show_count(self, query: str, found: int, songs: int) -> None:
        """How many songs fit."""
        self.query_one("#fits", Static).update(
            _("{found} of {songs}").format(found=count(found), songs=count(songs)) if query.strip() else ""
        )

    def show_problem(self, problem: str) -> None:
        """Why the query cannot be used as it stands."""
        self.query_one("#fits", Static).update(Content.styled(f"! {clean(problem)}", "$text-warning"))
