"""What a phase is about: its words are said in the language of the reader, the name of a song stays as it is."""

import pytest

from sidestep_tui.runs import events as ev

from ..conftest import MakeApp, MakeRun, Settle, shown


@pytest.mark.parametrize(
    ("phase", "told"),
    [
        (ev.PhaseChanged(phase="decoding", subject="the model"), "DECODING the model"),
        (ev.PhaseChanged(phase="making", detail="8 steps", subject="the model"), "MAKING 8 STEPS: the model"),
        (ev.PhaseChanged(phase="training", detail="near the target"), "TRAINING NEAR THE TARGET"),
    ],
)
async def test_a_name_is_not_translated(
    phase: ev.PhaseChanged,
    told: str,
    make_app: MakeApp,
    make_run: MakeRun,
    settle: Settle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for where in ("outline", "monitor.status", "monitor.progress"):
        monkeypatch.setattr(f"sidestep_tui.tui.{where}.spoken", str.upper)  # as another language would
    started = ev.RunStarted(job="generate", pid=1, host="box", device="cpu", version="0")
    run = make_run("songs", "generate", [started, phase])
    with run.held():
        async with make_app("monitor", run=run).run_test() as pilot:
            await settle(pilot)
            lines = [" ".join(line.split()) for line in shown(pilot.app).splitlines()]
            assert sum(told in line for line in lines) == 2  # in the head and in the panel
