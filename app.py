"""`python app.py` is the command `sidestep`."""

import sys

from sidestep_tui.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
