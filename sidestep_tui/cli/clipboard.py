"""The clipboard of the terminal, also at the other end of an SSH line: OSC 52, as xterm defines it.

Terminals may refuse it, and none says whether it did; tmux passes it on with `set -g set-clipboard on`.
"""

import base64
import os

from sidestep_tui.errors import SidestepError

_TERMINAL = "/dev/tty"


def copy_to_terminal(text: str) -> None:
    """Sends a text to the terminal's clipboard, whatever the standard output is.

    Raises:
        SidestepError: the process has no terminal.
    """
    sequence = b"\x1b]52;c;" + base64.b64encode(text.encode()) + b"\x07"
    try:
        terminal = os.open(_TERMINAL, os.O_WRONLY)
    except OSError as error:
        raise SidestepError(
            "There is no terminal whose clipboard could be reached.", fix="write to a file, or to - and copy from there"
        ) from error
    try:
        os.write(terminal, sequence)
    finally:
        os.close(terminal)
