"""Processes that outlive whoever started them: engines, and the workers of queues."""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

from sidestep_tui.config.places import data_home


def start_detached(module: str, argument: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Starts `python -m module argument` in a session of its own, so that no hang-up reaches it.

    Args:
        module: of this package.
        argument: what it works on.
        log: what it and its libraries print.
    """
    return subprocess.Popen(
        [sys.executable, "-m", module, str(argument)],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        cwd="/" if os.name == "posix" else None,
        env={**environment(), "PYTHONUNBUFFERED": "1"},
    )


def environment() -> dict[str, str]:
    """Lets `python -m` import the same package as this process, with the same home, wherever that was started from."""
    package_parent = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [package_parent, os.environ.get("PYTHONPATH")]))
    home = {"SIDESTEP_HOME": str(data_home())} if os.environ.get("SIDESTEP_HOME") else {}
    return {**os.environ, **home, "PYTHONPATH": path}
