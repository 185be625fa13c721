"""Requests to an engine: they reach a living one once, in order."""

import pytest

from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.runs.control import COMMANDS, LEARNING_RATE, send_command, take_commands


def test_requests_arrive_once_and_in_order(make_run):
    run = make_run()
    with run.held():
        asked = [(name, {LEARNING_RATE: "2e-5"} if name == "set" else {}) for name in COMMANDS]
        for name, arguments in asked:
            send_command(run, name, arguments)
        assert [(command.name, command.arguments) for command in take_commands(run)] == asked
        assert take_commands(run) == []


def test_a_request_needs_a_living_engine(make_run):
    run = make_run()
    with pytest.raises(SidestepError, match="No engine is working"):
        send_command(run, "stop")
    assert list(run.commands.iterdir()) == []


def test_there_are_only_these_requests(make_run):
    with pytest.raises(UsageError, match="no command 'dance'"):
        send_command(make_run(), "dance")


@pytest.mark.parametrize("junk", ["{", "[]", '{"command": "stop", "arguments": 3}', "\xff"])
def test_what_is_no_request_asks_for_nothing_and_does_not_stay(make_run, junk):
    run = make_run()
    (run.commands / "0-junk.json").write_text(junk, encoding="latin-1")
    assert take_commands(run) == []
    assert list(run.commands.iterdir()) == []
