"""The exact strings that the model will read about a song, with what they cost in tokens."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from sidestep_tui.dataset.prompts import LYRIC_TOKEN_LIMIT, TEXT_TOKEN_LIMIT
from sidestep_tui.dataset.song import Dataset
from sidestep_tui.dataset.text import printable
from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.dataset.tokens import TokenCount, count_tokens
from sidestep_tui.tui.figures import count
from sidestep_tui.tui.text import clean, shorten_middle
from sidestep_tui.tui.widgets.scroll import KeyScroll

_NAME_WIDTH: Final = 30


class PromptView(KeyScroll):
    """Both prompts of a song, line by line, nothing hidden. Counts their tokens in a thread, once a model is known."""

    @dataclass
    class Counted(Message):
        """Token counts by prompt, or why there are none."""

        counts: dict[str, TokenCount]
        problem: str

    def __init__(self, review: Review) -> None:
        super().__init__()
        self._review = review
        self._key: str | None = None
        self._counting = False
        self._problem = ""

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        yield Static(id="prompt-text")

    def show(self, key: str) -> None:
        """Shows the prompts of a song; a count only where it was made from these very words."""
        if key != self._key:
            self.scroll_home(animate=False)
        self._key = key
        note = model_line(self._review.model, self._counting, self._problem)
        parts: list[Content] = []
        names = ((_("Text"), TEXT_TOKEN_LIMIT), (_("Lyrics"), LYRIC_TOKEN_LIMIT))
        for (name, limit), prompt in zip(names, self._review.prompts(key), strict=True):
            parts += [_head(name, self._review.tokens.get(prompt), limit, note), *_lines(prompt), Content("")]
        self.query_one("#prompt-text", Static).update(Content("\n").join(parts))

    def count(self) -> None:
        """Counts with the review's model, where one is known."""
        if self._review.model is not None:
            self._counting, self._problem = True, ""
            self._ask(self._review.dataset, self._review.model)
            self._show_again()

    @work(thread=True, exclusive=True, group="tokens")
    def _ask(self, dataset: Dataset, model: Path) -> None:
        worker = get_current_worker()
        try:
            answer = self.Counted(count_tokens(dataset, model, is_wanted=lambda: not worker.is_cancelled), "")
        except SidestepError as error:
            answer = self.Counted({}, spoken(error.what))
        if not worker.is_cancelled:
            self.post_message(answer)

    @on(Counted)
    def _take(self, event: Counted) -> None:
        self._counting, self._problem = False, event.problem
        self._review.tokens.update(event.counts)
        self._show_again()

    def _show_again(self) -> None:
        if self._key is not None:
            self.show(self._key)


def model_line(model: Path | None, counting: bool, problem: str) -> str:
    """What is said in place of a count."""
    if problem:
        return _("not counted: {problem}").format(problem=clean(problem))
    if counting:
        return _("counting …")
    if model is None:
        return _("m chooses a model to count with")
    return _("m counts again with {name}").format(name=shorten_middle(clean(model.name), _NAME_WIDTH))


def _head(name: str, tokens: TokenCount | None, limit: int, model: str) -> Content:
    if tokens is None:
        return Content.assemble((name, "bold $primary"), (f"   {model}", "$text-muted"))
    used = _("   {tokens} of at most {limit} tokens").format(tokens=count(tokens.tokens), limit=count(limit))
    if not tokens.cut:
        return Content.assemble((name, "bold $primary"), (used, "$text-muted"))
    lost = _("   ! the last {tokens} are cut off").format(tokens=count(tokens.tokens - limit))
    return Content.assemble((name, "bold $primary"), (used, "$text-muted"), (lost, "bold $warning"))


def _lines(prompt: str) -> list[Content]:
    """The prompt's own lines; what a terminal would obey is spelled out."""
    return [Content(printable(line)) for line in prompt.split("\n")]
