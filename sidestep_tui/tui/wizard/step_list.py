"""The steps of the wizard, with a mark for what is still open in each."""

from collections.abc import Sequence

from textual.content import Content
from textual.style import Style
from textual.widgets import Static

from sidestep_tui.tui.wizard.views import Condition, StepLine

_MARKS: dict[Condition, tuple[str, str]] = {
    "done": ("✓", "$text-success"),
    "open": ("○", "$text-warning"),
    "wrong": ("!", "bold $text-error"),
}


class StepList(Static):
    """The steps from top to bottom; the current one stands out. A click jumps to a step."""

    auto_links = False
    SCOPED_CSS = False  # the width of the screen is told by a class of the screen
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
