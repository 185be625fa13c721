"""What every full screen is made of: a line that says where you are, a body, and a line of keys."""

from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from sidestep_tui.texts import _
from sidestep_tui.tui.leaving import LeavesOnce
from sidestep_tui.tui.routes import make_screen
from sidestep_tui.tui.widgets.bars import KeyBar, TopBar

if TYPE_CHECKING:
    from sidestep_tui.tui.app import SidestepApp

Result = TypeVar("Result")


class SidestepScreen(LeavesOnce[Result], Generic[Result]):
    """A screen with a top line and a key line; subclasses give `HEADING` and `compose_body`.

    Its bindings are shown in the key line (`show=True`) and in the help (`?`) all of them: each needs a description.
    """

    HEADING: ClassVar[str] = ""
    """What the top line calls the screen."""

    ABOUT: ClassVar[str] = ""
    """One or two sentences at the head of the screen's help."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", _("Back"), tooltip=_("Go back to the screen before"))
    ]

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 - Textual declares it as an instance's

    @property
    def sidestep(self) -> "SidestepApp":
        """The application, by its own type."""
        return cast("SidestepApp", self.app)

    @property
    def in_front(self) -> bool:
        """Whether it is seen: on top, or beneath dialogs alone.

        Textual's `is_current` holds for what lies beneath an opaque screen too, and what is drawn there makes the
        screen above draw itself again.
        """
        for screen in reversed(self.app.screen_stack):
            if screen is self:
                return True
            if not screen.is_modal:
                return False
        return False

    def compose(self) -> ComposeResult:
        """The three parts, from top to bottom."""
        yield TopBar(self.HEADING)
        yield from self.compose_body()
        yield KeyBar()

    def compose_body(self) -> ComposeResult:
        """The widgets between the two lines."""
        yield from ()

    def set_context(self, text: str) -> None:
        """Shows text from outside (a run's name, a folder) at the right of the top line."""
        self.query_one(TopBar).context = text

    def action_back(self) -> None:
        """Goes to the screen before, or home where there is none."""
        if len(self.app.screen_stack) > 1:
            self.dismiss()
        else:
            self.app.push_screen(make_screen("home"))  # Textual cannot switch away from an app's first screen
