"""`sidestep runs` and `sidestep watch` on runs that ended."""

import json
import re
from pathlib import Path

import pytest

from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.config.jobs import VerifySettings
from sidestep_tui.config.model import ModelSettings
from sidestep_tui.config.optimisation import OptimizerSettings, TrainingSettings
from sidestep_tui.config.places import run_index, runs_home
from sidestep_tui.config.train import DataSettings, TrainSettings, ValidationSettings
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import create_run
from sidestep_tui.runs.history import remember_run
from sidestep_tui.runs.log import EventWriter

START = ev.RunStarted(job="train", pid=1, host="box", device="cuda:0", version="1")


@pytest.fixture
def make_run(tmp_path):
    """`make_run(name, last_event, rank=…)`: a training run of two steps, or more, with a last word."""

    def make(name, *last, rank=64, steps=2, **settings):
        document = TrainSettings(
            model=ModelSettings(checkpoint=Path("/m")),
            data=DataSettings(tensors=Path("/t")),
            **{"adapter": LoraSettings(rank=rank), **settings},
        )
        run = create_run(tmp_path / name, "train", document)
        remember_run(run.path)
        with EventWriter(run.events_file) as log:
            log.write(START)
            for step in range(1, steps + 1):
                log.write(
                    ev.StepCompleted(
                        step=step, epoch=0, loss=1 / step, gradient_norm=1.0, learning_rate=1e-4, seconds=0.5,
                        data_seconds=0.1,
                    )
                )  # fmt: skip
            for event in last:
                log.write(event)
        return run

    return make


def test_list_as_json_and_as_a_table(sidestep, make_run):
    done = make_run("done", ev.RunCompleted(results={"adapter": "final"}))
    make_run("gone")
    listed = sidestep("runs", "list", "--json").json()
    assert [(run["name"], run["condition"], run["recent_loss"]) for run in listed] == [
        ("gone", "interrupted", 0.75),
        ("done", "completed", 0.75),
    ]
    table = sidestep("runs", "list").out
    assert "interrupted" in table
    assert str(done.path.parent) in table


def test_the_age_of_a_run_is_that_of_its_last_sign_of_life(sidestep, make_run):
    run = make_run("long")
    document = json.loads(run.config_file.read_text())
    run.config_file.write_text(json.dumps({**document, "created_at": document["created_at"] - 30 * 86400}))
    (listed,) = sidestep("runs", "list", "--json").json()
    assert listed["seen_at"] - listed["created_at"] > 29 * 86400
    header, line = sidestep("runs", "list").out.splitlines()[:2]
    age = line[header.index("AGE") :].split("/")[0]
    assert re.fullmatch(r"[0-9]+ (s|min [0-9]+ s) *", age), age


def test_the_loss_of_a_run_is_the_mean_of_its_last_twenty_steps_everywhere(sidestep, make_run, tmp_path):
    make_run("a", ev.RunCompleted(results={}), steps=30)
    mean = sum(1 / step for step in range(11, 31)) / 20
    assert sidestep("runs", "show", "a", "--json").json()["recent_loss"] == pytest.approx(mean)
    assert f"{mean:.4f}" in sidestep("runs", "list").out
    assert "loss, mean of 20 steps" in sidestep("runs", "show", "a").out
    sidestep("report", "a", "--output", str(tmp_path / "page.html"))
    assert f"{mean:.4f}, the mean of the last 20 steps" in (tmp_path / "page.html").read_text()


def test_what_keeps_runs_out_of_the_list_is_told_and_the_others_are_listed(sidestep, make_run):
    settings = VerifySettings(model=ModelSettings(checkpoint=Path("/m")), adapter=Path("/a"))
    create_run(runs_home() / "kept", "verify", settings)
    broken = make_run("broken")
    broken.config_file.write_text("{", encoding="utf-8")
    told = sidestep("runs", "list", "--json")
    assert [run["name"] for run in told.json()] == ["kept"]
    assert str(broken.config_file) in told.err
    run_index().write_text("[", encoding="utf-8")
    told = sidestep("runs", "list")
    assert (told.code, "kept" in told.out) == (0, True)
    assert "Runs outside the usual place are missing until it is mended or removed." in told.err
    assert str(run_index()) in told.err


def test_a_terminal_of_no_width_is_none(sidestep, make_run, monkeypatch):
    make_run("a")
    wide = sidestep("runs", "list").out
    monkeypatch.setenv("COLUMNS", "0")
    assert "interrupted" in wide
    assert sidestep("runs", "show", "a").out
    assert len(sidestep("runs", "list").out.splitlines()) == len(wide.splitlines())


def test_a_narrow_terminal_loses_what_matters_least(sidestep, make_run, monkeypatch):
    make_run("a-name-that-is-as-long-as-names-are-when-a-job-makes-them", ev.RunCompleted(results={}))
    shown = {}
    for width in (40, 60, 80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = sidestep("runs", "list").out.splitlines()
        shown[width] = lines[0].split()
        assert all(len(line.rstrip()) <= width for line in lines)
        assert "".join(line[:28].strip() for line in lines[1:]).startswith("a-name-that-is-as-long-as-na")
        assert "completed" in lines[1]
    assert shown[40] == ["RUN", "CONDITION"]
    assert shown[60] == ["RUN", "JOB", "CONDITION", "DONE", "LOSS"]
    assert shown[80][-1] == "AGE"
    assert shown[120][-1] == "PLACE"


def test_names_of_runs_are_shown_and_not_obeyed(sidestep, make_run):
    make_run("[red]\x1b[31mrun")
    assert "[red]\\x1b[31mrun" in sidestep("runs", "list").out
    assert sidestep("runs", "list", "--json").json()[0]["name"] == "[red]\x1b[31mrun"


def test_show(sidestep, make_run):
    make_run("bad", ev.RunFailed(what="The loss is not a number.", where="step 3", fix="lower --lr"))
    document = sidestep("runs", "show", "bad", "--json").json()
    assert document["failure"]["what"] == "The loss is not a number."
    assert document["settings"]["adapter"]["rank"] == 64
    text = sidestep("runs", "show", "bad").out
    assert "The loss is not a number. (step 3) Fix: lower --lr" in text
    assert "optimizer.weight_decay" in text


def test_compare_tells_a_rate_that_was_set_while_the_run_worked(sidestep, make_run):
    slower = {"optimizer.learning_rate": "2e-5"}
    make_run("a", ev.CommandApplied(command="set", arguments=slower, step=2))
    make_run("b", optimizer=OptimizerSettings(learning_rate=3e-4))
    differences = sidestep("runs", "compare", "a", "b", "--json").json()["differences"]
    assert differences["optimizer.learning_rate"] == [1e-4, 3e-4]
    assert differences["rate set live"] == ["2e-5 after step 2", None]
    assert "rate set live" not in sidestep("runs", "compare", "b", "b", "--json").json()["differences"]


def test_compare_names_what_differs_and_nothing_else(sidestep, make_run):
    make_run("a", rank=8)
    make_run("b", rank=16)
    differences = sidestep("runs", "compare", "a", "b", "--json").json()["differences"]
    assert differences["adapter.rank"] == [8, 16]
    assert differences["recent loss"] == [0.75, 0.75]
    assert "adapter.alpha" not in differences
    assert "adapter.rank" in sidestep("runs", "compare", "a", "b").out


def test_compare_tells_what_was_taken_where_a_setting_was_left_open(sidestep, make_run):
    """An empty learning rate beside one that was typed said nothing; and the default typed is no difference."""
    make_run("open", rank=8)
    typed = OptimizerSettings(learning_rate=2 * OptimizerSettings().peak_rate)
    make_run("typed", adapter=LoraSettings(rank=8, alpha=16), optimizer=typed)
    differences = sidestep("runs", "compare", "open", "typed", "--json").json()["differences"]
    assert differences["optimizer.learning_rate"] == [typed.peak_rate / 2, typed.peak_rate]
    assert "adapter.alpha" not in differences


def test_delete_asks_somebody_or_needs_yes(sidestep, make_run):
    run = make_run("old")
    assert sidestep("runs", "delete", "old").code == 2
    assert run.exists()
    result = sidestep("runs", "delete", "old", "--yes", "--json")
    assert result.json() == {"deleted": str(run.path)}
    assert list(run.path.parent.iterdir()) == []
    assert sidestep("runs", "list", "--json").json() == []


def test_a_living_run_is_not_deleted(sidestep, make_run):
    run = make_run("busy")
    with run.held():
        result = sidestep("runs", "delete", "busy", "--yes")
    assert (result.code, run.exists()) == (1, True)
    assert "runs stop" in result.err


def test_requests_reach_a_living_run_only(sidestep, make_run):
    run = make_run("busy")
    assert sidestep("runs", "stop", "busy").code == 1
    with run.held():
        assert sidestep("runs", "command", "busy", "save", "--json").json() == {"run": str(run.path), "command": "save"}
    assert [file.name.split("-")[1] for file in run.commands.iterdir()] == ["save.json"]
    assert sidestep("runs", "command", "busy", "dance").code == 2


def test_watch_tells_the_whole_history_and_gives_the_exit_code(sidestep, make_run):
    make_run("done", ev.RunCompleted())
    watched = sidestep("watch", "done")
    assert watched.code == 0
    begun, *steps, ended = watched.out.splitlines()
    assert "train on cuda:0" in begun
    assert ["loss 1.0000" in step for step in steps] == [True]
    assert ended.endswith("completed")
    make_run("bad", ev.RunFailed(what="It broke."))
    assert sidestep("watch", "bad").code == 1
    make_run("gone")
    assert sidestep("runs", "attach", "gone").code == 1


def test_watch_once_never_waits(sidestep, make_run):
    run = make_run("busy")
    with run.held():
        lines = sidestep("watch", "busy", "--once", "--json").json_lines()
    assert [line["type"] for line in lines] == ["RunStarted", "StepCompleted", "StepCompleted"]
    assert sidestep("watch", "busy", "--once").code == 0


def test_set_takes_values_and_the_others_none(sidestep, make_run):
    make_run("a")
    assert sidestep("runs", "command", "a", "set").code == 2
    assert sidestep("runs", "command", "a", "save", "x=1").code == 2
    assert sidestep("runs", "command", "a", "set", "optimizer.learning_rate").code == 2
    # A run without an engine: the values were understood, and nobody is there to take them.
    refused = sidestep("runs", "command", "a", "set", "optimizer.learning_rate=1e-4")
    assert (refused.code, "No engine" in refused.err) == (1, True)


def test_set_refuses_what_no_engine_would_take_before_it_asks_one(sidestep, make_run):
    run = make_run("busy")
    with run.held():
        wrong = sidestep("runs", "command", "busy", "set", "optimizer.learning_rate=-1")
        other = sidestep("runs", "command", "busy", "set", "training.epochs=4")
    assert (wrong.code, "must be more than 0, not -1" in wrong.err) == (2, True), wrong.err
    assert (other.code, "training.epochs cannot be set while running" in other.err) == (2, True), other.err
    assert "set optimizer.learning_rate" in other.err
    assert not list(run.commands.glob("*.json"))


def test_a_finished_run_is_not_told_to_go_on_when_it_is_asked_to_stop(sidestep, make_run):
    make_run("done", ev.RunCompleted(results={}))
    make_run("cut-off")
    for name, told in (("done", "did all of its work"), ("cut-off", "sidestep resume")):
        result = sidestep("runs", "stop", name)
        assert (result.code, told in result.err) == (1, True)


@pytest.mark.parametrize(
    ("planned", "settings", "told"),
    [
        (2, {}, "--set training.epochs=200 --force"),
        (2, {"training": TrainingSettings(max_steps=2)}, "--set training.max_steps=4 --force"),
        (2, {"training": TrainingSettings(max_steps=9)}, "--set training.epochs=200 --force"),
        (2, {"validation": ValidationSettings(patience=3)}, "--set training.epochs=200 --force"),
        (9, {"validation": ValidationSettings(patience=3)}, "--set validation.patience=6 --force"),
        (9, {"training": TrainingSettings(target_loss=0.5)}, "--set training.target_loss=none --force"),
    ],
)
def test_a_finished_run_is_told_what_it_would_need_to_train_longer(sidestep, make_run, planned, settings, told):
    plan = ev.Planned(
        total_steps=planned, steps_per_epoch=1, epochs=100, songs=1, validation_songs=0, trainable_parameters=1,
        adapted_modules=1,
    )  # fmt: skip
    run = make_run("done", plan, ev.RunCompleted(results={}), **settings)
    refused = sidestep("resume", "done")
    assert refused.code == 2
    assert f"`sidestep resume {run.typed} {told}`" in " ".join(refused.err.split())


def test_show_tells_what_a_working_run_waits_for(sidestep, make_run):
    run = make_run("full", ev.PhaseChanged(phase=ev.WAITING_FOR_ROOM))
    assert ev.WAITING_FOR_ROOM not in sidestep("runs", "show", "full").out
    with run.held():
        assert ev.WAITING_FOR_ROOM in sidestep("runs", "show", "full").out
