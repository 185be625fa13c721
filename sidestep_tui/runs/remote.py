"""Lines for the terminal in front of you: how to reach this machine over SSH, and how to fetch a file from it."""

import getpass
import os
import shlex
import socket
from pathlib import Path
from typing import Final

_USUAL_PORT: Final = "22"


def _ssh_address() -> tuple[str, str]:
    """`user@host` and the port of this machine's SSH server.

    The host is the address that the SSH session came in at, where there is one: it is the one that is known to work.
    """
    client_and_server = os.environ.get("SSH_CONNECTION", "").split()
    host, port = client_and_server[2:4] if len(client_and_server) == 4 else (socket.gethostname(), _USUAL_PORT)
    return f"{getpass.getuser()}@{host}", port


def tunnel_command(port: int) -> str:
    """The line that brings a port of this machine to the machine in front of you."""
    address, ssh_port = _ssh_address()
    other_port = "" if ssh_port == _USUAL_PORT else f"-p {ssh_port} "
    return f"ssh -N -L {port}:127.0.0.1:{port} {other_port}{address}"


def copy_command(path: Path) -> str:
    """The line that copies a file or folder of this machine to the folder in front of you."""
    address, ssh_port = _ssh_address()
    user, _, host = address.rpartition("@")
    host = f"[{host}]" if ":" in host else host  # an IPv6 address
    other_port = "" if ssh_port == _USUAL_PORT else f"-P {ssh_port} "
    folder = "-r " if path.is_dir() else ""
    return f"scp {folder}{other_port}{shlex.quote(f'{user}@{host}:{path.absolute()}')} ."
