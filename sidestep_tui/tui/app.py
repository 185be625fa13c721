"""The terminal application: which screen is open, the colours, and the keys that work everywhere.

Nothing here imports more than the first paint needs; screens come through `routes` when they are opened.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import LineFilter, Monochrome, NoColor
from textual.screen import Screen

from sidestep_tui import garbage
from sidestep_tui.config.places import data_home, here
from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _
from sidestep_tui.texts.language import LANGUAGES, remember_language
from sidestep_tui.tui.failures import in_words
from sidestep_tui.tui.leaving import question_of
from sidestep_tui.tui.palette import offered, open_palette
from sidestep_tui.tui.preferences import chosen_theme, low_bandwidth, remember_low_bandwidth, remember_theme
from sidestep_tui.tui.process import check_terminal, leave_when_terminated
from sidestep_tui.tui.routes import make_screen
from sidestep_tui.tui.text import clean
from sidestep_tui.tui.themes import DEFAULT_VARIABLES, THEMES, for_few_colours
from sidestep_tui.tui.turns import InTurnApp

if TYPE_CHECKING:
    from sidestep_tui.runs.machine import MachineSnapshot

_QUIT: Final = _("Leave Side-Step; running engines go on")
_LOW_BANDWIDTH: Final = "-low-bandwidth"
_LOW_BANDWIDTH_SECONDS: Final = 1.0
_FEW_COLOURS: Final = "-few-colours"
_MANY_COLOURS: Final = ("256", "truecolor")
_NO_COLOUR: Final = NoColor()


class SidestepApp(InTurnApp):
    """The application.

    Args:
        start_screen: the name of the first screen, as in `routes.ROUTES`.
        clock: seconds since the epoch; tests give a frozen one.
        machine: what the machine uses now; asked in threads. By default it is asked of the machine itself.
        arguments: what the first screen is made with.
    """

    TITLE = "Side-Step"
    CSS_PATH = Path(__file__).with_name("styles.tcss")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", _("Help"), tooltip=_("The keys of this screen")),
        Binding("f1", "help", _("Help"), show=False, tooltip=_("The keys of this screen")),
        Binding("q", "quit", _("Quit"), tooltip=_QUIT),
        Binding("ctrl+q", "quit", _("Quit"), show=False, priority=True, tooltip=_QUIT),
        Binding(
            "ctrl+p", "command_palette", _("Commands"), tooltip=_("Search everything that can be done"), show=False
        ),
    ]

    def __init__(
        self,
        start_screen: str | None = None,
        *,
        clock: Callable[[], float] = time.time,
        machine: "Callable[[], MachineSnapshot] | None" = None,
        arguments: dict[str, object] | None = None,
    ) -> None:
        super().__init__()
        self.clock = clock
        self._machine = machine
        self.animation_level = "none"  # every frame of an animation is bytes on somebody's slow line
        self.set_class(low_bandwidth(), _LOW_BANDWIDTH)
        self.set_class(self.few_colours, _FEW_COLOURS)
        self._start_screen = start_screen or "home"
        self._start_arguments = arguments or {}
        self._last_question: Screen[bool] | None = None
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = chosen_theme()
        for name in set(self.available_themes) - {theme.name for theme in THEMES}:
            self.unregister_theme(name)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own variables, for themes that do not set them."""
        return dict(DEFAULT_VARIABLES)

    def get_css_variables(self) -> dict[str, str]:
        """The variables of the theme; fewer shades of them where the terminal has few."""
        variables = super().get_css_variables()
        few = for_few_colours(variables, no_colour=self.no_color, own=self.native_ansi_color)
        variables.update(few if self.few_colours else {})
        return variables

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What is done to colours; `NO_COLOR` leaves greys, and none at all of the terminal's own, which have no grey.

        Textual chooses between the two before there is a theme, and greys would turn the terminal's own into black.
        """
        filters = super().get_line_filters()
        own = self.no_color and self.native_ansi_color
        return [_NO_COLOUR if own and isinstance(one, Monochrome) else one for one in filters]

    @property
    def few_colours(self) -> bool:
        """Whether the terminal shows sixteen colours or fewer: what has the cursor is drawn in reverse there."""
        return self.no_color or self.console.color_system not in _MANY_COLOURS

    @property
    def low_bandwidth(self) -> bool:
        """Whether little is drawn: at most once a second what a run changes, and plain borders."""
        return self.has_class(_LOW_BANDWIDTH)

    def redraw_seconds(self, usual: float) -> float:
        """How long a screen that follows something waits between two looks."""
        return max(usual, _LOW_BANDWIDTH_SECONDS) if self.low_bandwidth else usual

    def get_default_screen(self) -> Screen[object]:
        """The start screen itself, so that nothing blank is drawn before it; home where it cannot be opened."""
        try:
            return make_screen(self._start_screen, **self._start_arguments)
        except SidestepError as error:
            self.call_later(self.tell_error, error)
            return make_screen("home")

    def on_mount(self) -> None:
        """Hears SIGTERM, and lets garbage be collected from the first frame on where the command has put that off."""
        self.call_after_refresh(garbage.collect_from_now_on)
        if not self.is_headless:
            leave_when_terminated(self)

    def read_machine(self) -> "MachineSnapshot":
        """What the machine has and uses now. Takes some milliseconds: call it in a thread."""
        if self._machine is None:
            from sidestep_tui.runs.machine import MachineProbe

            self._machine = MachineProbe(data_home()).read
        return self._machine()

    def open(self, name: str, **arguments: object) -> None:
        """Opens the screen of this name above the current one."""
        here()  # somebody may have removed the folder that the application was started in
        try:
            self.push_screen(make_screen(name, **arguments))
        except SidestepError as error:
            self.tell_error(error)

    def tell(self, text: str, severity: Literal["information", "warning", "error"] = "information") -> None:
        """A short note at the edge of the screen; the text may come from outside."""
        self.notify(clean(text), severity=severity, markup=False)

    def tell_error(self, error: SidestepError) -> None:
        """The error's three parts as a note: what, where, and the fix."""
        text = "\n".join(map(clean, in_words(error)))
        self.notify(text, severity="error", timeout=12, markup=False)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: the colour themes, and every action of the current screen."""
        for theme in THEMES:
            yield SystemCommand(
                _("Theme: {name}").format(name=theme.name),
                _("Change the colours"),
                lambda name=theme.name: self._use(name),
            )
        other = _("off") if self.low_bandwidth else _("on")
        yield SystemCommand(
            _("Low bandwidth: {other}").format(other=other), _("Draw less, for a thin line"), self._switch_bandwidth
        )
        for name, title in LANGUAGES.items():
            yield SystemCommand(f"Language: {title}", "语言 / Language", lambda name=name: self._speak(name))
        for binding in offered(screen):
            words, key = binding.tooltip or binding.description, self.get_key_display(binding)
            yield SystemCommand(
                binding.description,
                _("{what} (key {key})").format(what=words, key=key),
                lambda key=binding.key: self.simulate_key(key),
            )

    def action_command_palette(self) -> None:
        """Shows everything that can be done."""
        open_palette(self)

    def action_help(self) -> None:
        """Shows the keys of the current screen."""
        from sidestep_tui.tui.help import HelpScreen

        self.push_screen(HelpScreen(self.screen))

    def action_help_quit(self) -> None:
        """Tells who presses Ctrl-C how to leave; Textual's own words for it are English."""
        self.tell(_("ctrl+q leaves Side-Step; running engines go on."))

    async def action_quit(self) -> None:
        """Leaves; asks first only where something would be lost, and who is asked already may answer with this key."""
        question = question_of(self.screen_stack)
        if question is None or self.screen is self._last_question:
            self.exit()
            return
        from sidestep_tui.tui.confirm import ConfirmScreen

        self._last_question = ConfirmScreen(question, yes=_("Quit"))
        self.push_screen(self._last_question, lambda yes: self.exit() if yes else None)

    def _switch_bandwidth(self) -> None:
        self.toggle_class(_LOW_BANDWIDTH)
        try:
            remember_low_bandwidth(self.low_bandwidth)
        except SidestepError as error:
            self.tell_error(error)
        self.tell(_("It holds in full for screens that are opened from now on."))

    def _speak(self, language: str) -> None:
        try:
            remember_language(language)
        except SidestepError as error:
            self.tell_error(error)
            return
        self.tell(_("{language}: it holds from the next start of Side-Step.").format(language=LANGUAGES[language]))

    def _use(self, theme: str) -> None:
        self.theme = theme
        try:
            remember_theme(theme)
        except SidestepError as error:  # it holds for this session; that it does not last is worth a note
            self.tell_error(error)


def run_tui(start_screen: str | None = None, **arguments: object) -> int:
    """Runs the terminal application until it is left, and gives the exit code.

    Args:
        start_screen: the first screen, as in `routes.ROUTES`; home by default.
        arguments: what that screen is made with, for instance `run=RunDirectory(...)` for the monitor.

    Raises:
        SidestepError: there is no terminal to draw on.
    """
    check_terminal()
    here()  # a shell may stand in a folder that is gone
    app = SidestepApp(start_screen, arguments=arguments)
    app.run()
    return app.return_code or 0
