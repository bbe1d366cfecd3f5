#!/usr/bin/env python3
"""Manage the server from its source folder; `ctl.py --help` lists the commands.

The same as `syncserver-ctl` of the installed package. Called with a Python that lacks the packages,
it goes on with the one of the environment that `make run` has made.
"""

import os
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parent
ENVIRONMENT = HOME / ".venv"

try:
    from syncserver.control import main
except ModuleNotFoundError as missing:
    python = ENVIRONMENT / "bin" / "python"
    try:
        if Path(sys.prefix) == ENVIRONMENT or not python.exists():
            sys.exit(f"ctl.py: {missing}; install the packages with: make -C {HOME} install")
        os.execv(python, [str(python), __file__, *sys.argv[1:]])  # noqa: S606 - our own program
    except PermissionError:
        sys.exit(f"ctl.py: this user may not run {python}; call ctl.py as the server's user")

if __name__ == "__main__":
    main()
