"""The lines for the terminal in front of a person: what `scp` is told for files and folders behind any address."""

from pathlib import Path

import pytest

from sidestep_tui.runs.remote import copy_command


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("203.0.113.7 22", "ana@203.0.113.7:"),
        ("203.0.113.7 2222", "-P 2222 ana@203.0.113.7:"),
        ("2001:db8::2 22", "ana@[2001:db8::2]:"),
        ("2001:db8::2 2222", "-P 2222 ana@[2001:db8::2]:"),
    ],
)
def test_a_file_is_copied_from_the_address_and_port_that_the_session_came_in_at(
    server: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ana")
    monkeypatch.setenv("SSH_CONNECTION", f"198.51.100.9 50000 {server}")
    assert copy_command(Path("/runs/song.wav")).replace("'", "") == f"scp {expected}/runs/song.wav ."


def test_a_folder_is_copied_whole_and_a_name_with_spaces_is_one_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ana")
    monkeypatch.setenv("SSH_CONNECTION", "198.51.100.9 50000 203.0.113.7 2222")
    folder = tmp_path / "first song"
    folder.mkdir()
    assert copy_command(folder) == f"scp -r -P 2222 'ana@203.0.113.7:{folder}' ."
