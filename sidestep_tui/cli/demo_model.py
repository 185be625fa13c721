"""`python -m sidestep_tui.cli.demo_model FOLDER`: builds the demo's model, in a process that may load torch."""

import sys
from pathlib import Path

from sidestep_tui.acestep.tiny import build_tiny_checkpoint
from sidestep_tui.errors import SidestepError


def main(arguments: list[str]) -> int:
    """Builds the tiny model; the exit code says whether it is there."""
    try:
        build_tiny_checkpoint(Path(arguments[0]))
    except SidestepError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
