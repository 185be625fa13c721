"""`sidestep report` through its front door."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from sidestep_tui.cli.main import main


def test_the_page_goes_into_the_run_and_json_says_where(training_run, capsys):
    run = training_run()
    assert main(["report", str(run.path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    page = run.path / "report.html"
    assert document == {"report": str(page), "bytes": page.stat().st_size, "samples": 0}


def test_what_cannot_be_used_is_said(training_run, tmp_path, capsys):
    run = str(training_run().path)
    for arguments, words in (
        (["--output", "page.txt"], "HTML page"),
        (["--serve", "--port", "70000"], "no port 70000"),
        (["--port", "x"], "no port x"),
        (["--port", "8080"], "add --serve"),
    ):
        assert main(["report", run, *arguments]) == 2
        assert words in capsys.readouterr().err
    assert main(["report", str(tmp_path / "nothing")]) == 2


def test_a_run_is_the_same_by_whatever_way_its_folder_is_named(training_run, generated, tmp_path, monkeypatch, capsys):
    run = training_run()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    generated("a", 3, adapter=Path("../tune/final"))
    for name in ("../tune", "../elsewhere/../tune/", str(run.path)):
        assert main(["report", name, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["samples"] == 1


class _Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_how_many_songs_were_listened_to(training_run, generated, data_set, monkeypatch, capsys):
    run = training_run()
    generated("a", 3, adapter=run.final)
    monkeypatch.setattr("sys.stderr", _Terminal(written := io.BytesIO()))
    monkeypatch.setenv("TERM", "xterm")
    assert main(["report", str(run.path), "--json"]) == 0
    assert b"listening to the songs" in written.getvalue()
    assert b"0/4" in written.getvalue()  # the sample and the three songs of the data set
    assert json.loads(capsys.readouterr().out)["samples"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--output", "file.txt/page.html"), "The file cannot be written: Not a directory."),
        (("--output", "page.html"), "The page is a folder."),
        (("--dataset", "nowhere"), "does not exist"),
    ],
)
def test_a_wrong_path_is_told_before_the_songs_are_read(
    training_run, generated, tmp_path, monkeypatch, capsys, arguments, words
):
    run = training_run()
    generated("a", 3, adapter=run.final)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").touch()
    (tmp_path / "page.html").mkdir()
    monkeypatch.setattr("sidestep_tui.report.write.read_sound", lambda _: pytest.fail("it was read"))
    assert main(["report", str(run.path), *arguments]) == 1
    assert words in capsys.readouterr().err


def test_a_port_that_is_taken_is_told_before_the_songs_are_read(training_run, generated, monkeypatch, capsys):
    run = training_run()
    generated("a", 3, adapter=run.final)
    monkeypatch.setattr("sidestep_tui.report.write.read_sound", lambda _: pytest.fail("it was read"))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["report", str(run.path), "--serve", "--port", str(port)]) == 2
    assert f"Port {port} cannot be used" in capsys.readouterr().err


def test_serving_says_how_to_reach_it_and_ends_on_interrupt(training_run):
    run = training_run()
    process = subprocess.Popen(
        [sys.executable, "-m", "sidestep_tui.cli.main", "report", str(run.path), "--serve", "--port", "0", "--json"],
        stdout=subprocess.PIPE, text=True, env=os.environ,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a script's background job ignores it
    )  # fmt: skip
    document = json.loads(process.stdout.readline())
    with urllib.request.urlopen(document["url"], timeout=10) as answer:
        assert b"Side-Step report" in answer.read()
    assert document["tunnel"].startswith("ssh -N -L ")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 0
    process.stdout.close()
