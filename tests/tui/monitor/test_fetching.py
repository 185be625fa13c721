"""The line that fetches a run's files from another machine."""

import pytest

from sidestep_tui.runs import events as ev
from sidestep_tui.tui.line_screen import LineScreen

from ..conftest import Events, MakeApp, MakeRun, Settle


async def test_the_line_that_fetches_a_song_is_shown_and_copied(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.9 50000 203.0.113.7 2222")
    monkeypatch.setenv("LOGNAME", "ana")
    song = ev.SampleWritten(path="samples/first song.wav", prompt="a waltz", seed=1, step=10)
    run = make_run("done", events=[*training_events(10), song])
    app = make_app("monitor", run=run)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("c")
        assert isinstance(app.screen, LineScreen)
        assert app.clipboard == f"scp -P 2222 'ana@203.0.113.7:{run.path}/samples/first song.wav' ."
        await pilot.press("escape", "8", "c")  # the first file is a checkpoint, the cursor is on the last one: the song
        assert app.clipboard.endswith("first song.wav' .")
