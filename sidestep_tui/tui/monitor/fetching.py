"""The line that brings a file of the run to the computer that a person sits at: `scp`, typed over there."""

import getpass
import os
import shlex
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from sidestep_tui.texts import _
from sidestep_tui.tui.text import literal

_SSH_PORT = "22"


def fetch_line(path: Path, environment: Mapping[str, str] = os.environ) -> str:
    """The `scp` command for a file or folder, by the address and port that this SSH session came to.

    `SSH_CONNECTION` holds the client's address and port, then the server's (ssh(1), ENVIRONMENT).
    """
    connection = environment.get("SSH_CONNECTION", "").split()
    host, port = (connection[2], connection[3]) if len(connection) == 4 else (socket.gethostname(), _SSH_PORT)
    host = f"[{host}]" if ":" in host else host
    words = ["scp", *(["-r"] if path.is_dir() else []), *(["-P", port] if port != _SSH_PORT else [])]
    return shlex.join([*words, f"{getpass.getuser()}@{host}:{path}", "."])


class LineScreen(ModalScreen[None]):
    """Shows one line to copy; the terminal's clipboard has it already where the terminal allows that (OSC 52).

    Args:
        title: what the line does.
        line: the line.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q,y", "dismiss", _("Close"))]

    def __init__(self, title: str, line: str) -> None:
        super().__init__()
        self._title = title
        self._line = line

    def compose(self) -> ComposeResult:
        """The line alone on its rows, so that a terminal can select it."""
        with Vertical(classes="dialog"):
            yield Static(literal(self._title, "bold"), classes="dialog-title")
            yield Static(literal(self._line), classes="dialog-line", id="line")
            yield Static(_("[$text-muted]Copied, where your terminal lets programs copy.[/]  [b]esc[/] Close"))

    def on_mount(self) -> None:
        """Copies the line."""
        self.app.copy_to_clipboard(self._line)
