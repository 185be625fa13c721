"""The command's edge: verbs, help, exit codes, errors in words, and what is not imported."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sidestep_tui.cli import doctor
from sidestep_tui.cli.main import VERBS, help_text
from sidestep_tui.errors import SidestepError

FULL = Path("/dev/full")
NESTED = {
    "dataset": ("scan", "check", "edit", "convert"),
    "runs": ("list", "show", "stop", "attach", "delete", "command", "compare"),
    "preset": ("list", "show", "save", "delete", "rename", "import", "export"),
    "models": ("list", "inspect", "download", "convert"),
    "queue": ("list", "add", "remove", "move", "pause", "resume", "failures"),
}


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_every_verb_has_help(sidestep, verb):
    result = sidestep(verb, "--help")
    assert result.code == 0
    assert f"usage: sidestep {verb}" in result.out
    assert "--json" in result.out


@pytest.mark.parametrize(("verb", "nested"), [(verb, nested) for verb in NESTED for nested in NESTED[verb]])
def test_every_nested_verb_has_help(sidestep, verb, nested):
    result = sidestep(verb, nested, "--help")
    assert result.code == 0
    assert f"usage: sidestep {verb} {nested}" in result.out
    assert result.out.split("\n\n")[1].endswith("."), "what the verb does"


def test_the_overview_lists_every_verb_that_is_not_hidden(sidestep):
    overview = sidestep("--help").out
    assert overview.strip() == help_text()
    for verb in VERBS:
        assert (f"  {verb.name} " in overview) is not verb.hidden


@pytest.mark.parametrize(
    "arguments", [("--json", "runs", "list"), ("runs", "--json", "list"), ("runs", "list", "--json")]
)
def test_a_flag_of_every_verb_may_stand_anywhere(sidestep, arguments):
    assert sidestep(*arguments).json() == []


@pytest.mark.parametrize("verb", [("train",), ("runs", "list"), ("estimate", "compare")])
def test_help_shows_a_verb_as_its_flag_does(sidestep, verb):
    result = sidestep("help", *verb)
    assert (result.code, result.out) == (0, sidestep(*verb, "--help").out)
    assert result.out.startswith(f"usage: sidestep {' '.join(verb)}")


def test_version(sidestep):
    assert sidestep("--version").out.startswith("sidestep ")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("trian",), "did you mean `sidestep train`?"),
        (("train", "tensors", "--rnak", "3"), "did you mean --rank?"),
        (("runs", "burn"), "it is one of list, show, stop, attach, delete, command, compare"),
        (("runs", "lst"), "did you mean `sidestep runs list`?"),
        (("dataset", "edit", "songs", "--overwrit"), "did you mean --overwrite? `sidestep dataset edit --help`"),
        (("runs", "list", "tune"), "One argument is too many: tune."),
        (("--json", "--json"), "There is no verb '--json'"),
        (("runs",), "it is one of list, show, stop, attach, delete, command, compare"),
        (("runs", "show"), "`sidestep runs show --help`"),
    ],
)
def test_wrong_usage_is_exit_code_2_with_a_hint(sidestep, arguments, hint):
    result = sidestep(*arguments)
    assert (result.code, result.out) == (2, "")
    assert hint in result.err
    assert "Traceback" not in result.err


def test_without_arguments_and_without_a_terminal_the_application_says_so(sidestep):
    result = sidestep()
    assert result.code == 1
    assert "no terminal" in result.err


def fail_with(monkeypatch, error):
    def configure(_):
        raise error

    monkeypatch.setattr(doctor, "configure", configure)


def test_an_error_is_told_as_what_where_and_fix(sidestep, monkeypatch):
    fail_with(monkeypatch, SidestepError("It is [b]broken[/b].", where="a\x1b[31m.wav", fix="mend it"))
    result = sidestep("doctor")
    assert result.code == 1
    assert result.err == "error: It is [b]broken[/b].\n  where: a\\x1b[31m.wav\n  fix:   mend it\n"


def test_an_error_under_json_is_one_document_on_the_error_stream(sidestep, monkeypatch):
    fail_with(monkeypatch, SidestepError("It is broken.", where="here", fix="mend it"))
    result = sidestep("doctor", "--json")
    assert result.out == ""
    assert json.loads(result.err) == {"error": "It is broken.", "where": "here", "fix": "mend it"}


def test_a_bug_is_told_without_a_traceback_unless_asked_for(sidestep, monkeypatch):
    fail_with(monkeypatch, ZeroDivisionError("division by zero"))
    told = sidestep("doctor")
    assert told.code == 1
    assert "Unexpected ZeroDivisionError: division by zero" in told.err
    assert "Traceback" not in told.err
    assert "Traceback" in sidestep("doctor", "--debug").err


def test_a_folder_that_was_removed_under_the_command_is_no_bug(sidestep, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    result = sidestep("preset", "list")
    assert (result.code, result.err.splitlines()[0]) == (1, "error: The folder that you are in has been removed.")


def test_ctrl_c_is_exit_code_130(sidestep, monkeypatch):
    fail_with(monkeypatch, KeyboardInterrupt())
    result = sidestep("doctor")
    assert (result.code, result.out, result.err) == (130, "", "")


def python(program, *arguments):
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_reader_that_leaves_the_pipe_is_not_an_error_worth_words():
    program = (
        "import os, sys\n"
        "reader, writer = os.pipe()\n"
        "os.close(reader)\n"
        "os.dup2(writer, 1)\n"
        "from sidestep_tui.cli.main import main\n"
        "sys.exit(main(['preset', 'list', '--json']))\n"
    )
    result = python(program)
    assert (result.returncode, result.stderr) == (1, "")


@pytest.mark.skipif(not FULL.exists(), reason="Linux has it")
@pytest.mark.parametrize(
    "arguments", [["--help"], ["doctor", "--help"], ["train", "--help"], ["preset", "list", "--json"]]
)
def test_a_full_disk_behind_the_output_is_told_in_words(arguments):
    program = "import sys\nfrom sidestep_tui.cli.main import main\nsys.exit(main(sys.argv[1:]))"
    with FULL.open("w") as full:
        command = [sys.executable, "-c", program, *arguments]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert "No space is left on the device." in result.stderr
    assert "Unexpected" not in result.stderr


def test_a_stream_that_is_closed_is_no_error():
    program = "import sys\nfrom sidestep_tui.cli.main import main\nsys.exit(main(['preset', 'list']))"
    command = f"exec {shlex.quote(sys.executable)} -c {shlex.quote(program)} >&-"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "kept_out"),
    [
        (["train", "tensors", "--model", "m", "--output", "run"], {"torch", "textual", "diffusers", "numpy"}),
        (["runs", "list"], {"torch", "textual", "diffusers", "numpy", "pydantic_settings"}),
        (["--help"], {"torch", "textual", "rich", "pydantic", "argparse"}),
    ],
)
def test_a_verb_imports_only_what_it_needs(arguments, kept_out):
    program = (
        "import sys\n"
        "from sidestep_tui.cli.main import main\n"
        "main(sys.argv[1:])\n"
        f"print('LOADED', sorted({kept_out!r} & set(sys.modules)))\n"
    )
    assert python(program, *arguments).stdout.splitlines()[-1] == "LOADED []"
