"""The steps of the wizard, with a mark for what is still open in each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from textual.content import Content
from textual.style import Style
from textual.widgets import Static

Condition = Literal["done", "open", "wrong"]
_MARKS: dict[Condition, tuple[str, str]] = {
    "done": ("✓", "$text-success"),
    "open": ("○", "$text-warning"),
    "wrong": ("!", "bold $text-error"),
}


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step in the list."""

    title: str
    condition: Condition


class StepList(Static):
    """The steps from top to bottom; the current one stands out. A click jumps to a step."""

    auto_links = False
    DEFAULT_CSS = """
    StepList { width: 18; height: 1fr; }
    .-wide StepList { width: 24; }
    """

    def show(self, steps: Sequence[StepLine], current: int) -> None:
        """Draws the steps."""
        lines = []
        for index, step in enumerate(steps):
            mark, style = _MARKS[step.condition]
            title = (f" {step.title}", "bold reverse" if index == current else "")
            line = Content.assemble((mark, style), title, (" ", "reverse" if index == current else ""))
            lines.append(line.stylize(Style.from_meta({"@click": f"screen.jump({index})"})))
        self.update(Content("\n").join(lines))
