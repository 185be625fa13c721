"""The application around the screens: start, help, themes, palette, quitting, and what it must not import."""

import gc
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ClassVar

import pytest
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.widgets import Static

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.app import SidestepApp, run_tui
from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.help import HelpScreen
from sidestep_tui.tui.home.screen import HomeScreen
from sidestep_tui.tui.routes import make_screen
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.themes import THEMES
from sidestep_tui.tui.wizard.dialogs import BrowseScreen
from tests.conftest import spare_the_collector

from .conftest import notes, shown

MakeApp = Callable[..., SidestepApp]
MakeRun = Callable[..., RunDirectory]
Settle = Callable[[Pilot[None]], Awaitable[None]]
Events = Callable[..., list[ev.Event]]

_FORBIDDEN = """
import sys
import sidestep_tui.tui.app
from sidestep_tui.tui.routes import make_screen
make_screen("home")
first_paint = {"pydantic", "numpy", "psutil", "pynvml", "plotext"} & set(sys.modules)
import sidestep_tui.tui.monitor.screen
model = {"torch", "diffusers", "transformers", "peft", "sidestep_tui.engine", "sidestep_tui.acestep"} & set(sys.modules)
print(sorted(first_paint), sorted(model))
"""


def test_no_model_code_is_imported_and_the_first_paint_waits_for_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", _FORBIDDEN], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"


class Editor(SidestepScreen[None]):
    """A screen on which something could be lost."""

    HEADING: ClassVar[str] = "Editor"

    def compose_body(self) -> ComposeResult:
        yield Static("unsaved")

    def leave_question(self) -> str | None:
        return "Throw the edits away?"


async def test_q_quits_without_a_question_when_only_viewing(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.press("q")
    assert app.return_code == 0
    assert not app.is_running


async def test_q_asks_where_something_would_be_lost(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await app.push_screen(Editor())
        await pilot.press("q")
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.press("n")
        assert isinstance(app.screen, Editor)
        assert app.return_code is None
        await pilot.press("ctrl+q", "y")
    assert app.return_code == 0


async def test_what_would_be_lost_beneath_a_dialog_is_asked_about_once(make_app: MakeApp) -> None:
    """Above a dialog the key left at once: the edits of a wizard beneath its help were gone."""
    app = make_app()
    async with app.run_test() as pilot:
        await app.push_screen(Editor())
        await pilot.press("question_mark", "ctrl+q")
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.press("n")
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("ctrl+q", "ctrl+q")
    assert app.return_code == 0


async def test_help_lists_every_key_of_the_screen(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 60)) as pilot:
        await app.push_screen(Editor())
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        text = "\n".join(str(static.render()) for static in app.screen.query(Static))
        for expected in ("Help › Editor", "esc", "Go back", "tab", "q", "Leave Side-Step"):
            assert expected in text
        await pilot.press("escape")
        assert isinstance(app.screen, Editor)


@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
async def test_every_theme_draws(make_app: MakeApp, theme: str) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        app.theme = theme
        await pilot.pause()
        assert "No runs yet" in app.export_screenshot().replace("&#160;", " ")


async def test_garbage_is_collected_again_once_the_first_frame_is_drawn(make_app: MakeApp) -> None:
    gc.unfreeze()
    gc.disable()
    try:
        async with make_app().run_test() as pilot:
            await pilot.pause()
            assert gc.isenabled()
            assert gc.get_freeze_count() > 0
    finally:
        gc.enable()
        gc.unfreeze()
        spare_the_collector()


async def test_no_color_is_respected(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app()
    async with app.run_test():
        assert app.no_color


async def test_the_palette_offers_themes_and_the_keys_of_the_screen(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test():
        titles = [command.title for command in app.get_system_commands(app.screen)]
    assert "Theme: colour-blind" in titles
    assert "New" in titles


async def test_an_unknown_screen_is_a_note_not_a_crash(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        app.open("nowhere")
        await pilot.pause()
        assert len(notes(app)) == 1


def test_an_unknown_screen_names_those_there_are() -> None:
    with pytest.raises(SidestepError, match="no screen 'nowhere'") as caught:
        make_screen("nowhere")
    assert "home" in (caught.value.fix or "")


def test_without_a_terminal_it_says_so() -> None:
    with pytest.raises(SidestepError, match="no terminal"):
        run_tui()


async def test_the_chosen_theme_is_remembered(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        choose = next(c.callback for c in app.get_system_commands(app.screen) if c.title == "Theme: light")
        choose()
        await pilot.pause()
        assert app.theme == "light"
    assert make_app().theme == "light"


@pytest.mark.parametrize(("value", "theme"), [("colour-blind", "colour-blind"), ("no such", "dark")])
def test_the_environment_chooses_a_theme(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, value: str, theme: str
) -> None:
    monkeypatch.setenv("SIDESTEP_THEME", value)
    assert make_app().theme == theme


async def test_a_start_screen_that_cannot_open_leads_home_with_the_reason(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app("monitor", run=RunDirectory(tmp_path / "nothing"))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert isinstance(app.screen, HomeScreen)
        assert [note.splitlines()[0] for note in notes(app)] == ["This is not a run."]


@pytest.mark.parametrize("size", [(20, 6), (40, 10), (200, 60)])
async def test_any_size_of_terminal_works(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events, size: tuple[int, int]
) -> None:
    make_run("one", events=training_events(150))
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("2", "6", "7", "8", "1", "question_mark")
        await pilot.resize_terminal(80, 24)
        await pilot.press("escape", "escape")
        assert isinstance(app.screen, HomeScreen)


async def test_low_bandwidth_is_chosen_by_the_palette_and_remembered(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        assert app.redraw_seconds(0.25) == 0.25
        switch = next(c.callback for c in app.get_system_commands(app.screen) if c.title == "Low bandwidth: on")
        switch()
        await pilot.pause()
        assert app.redraw_seconds(0.25) == 1.0
    assert make_app().low_bandwidth
    assert make_app().theme == "dark"
    monkeypatch.setenv("SIDESTEP_LOW_BANDWIDTH", "0")
    assert not make_app().low_bandwidth


async def test_a_language_is_chosen_by_the_palette_and_holds_from_the_next_start(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        choose = next(c.callback for c in app.get_system_commands(app.screen) if c.title == "Language: 中文")
        choose()
        await pilot.pause()
        assert any("next start" in note for note in notes(app))
    code = "from sidestep_tui.texts import LANGUAGE; print(LANGUAGE)"
    said = {name: value for name, value in os.environ.items() if name != "SIDESTEP_LANGUAGE"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=said)
    assert done.stdout.strip() == "zh_CN"


async def test_a_folder_that_is_gone_is_left_for_home(
    make_app: MakeApp, settle: Settle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    (tmp_path / "user").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path / "gone")
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        (tmp_path / "gone").rmdir()
        await pilot.press("p")
        await settle(pilot)
        assert "recommended" in shown(pilot.app)
        await pilot.press("escape", "n", "b")
        await pilot.pause()
        assert isinstance(pilot.app.screen, BrowseScreen)
    assert Path.cwd() == tmp_path / "user"
