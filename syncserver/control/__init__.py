"""The control script: accounts, devices and the server's process, from a terminal or a program.

`ctl.py`, `syncserver-ctl` and `python -m syncserver.control` are the same thing.
"""

from syncserver.control.program import main

__all__ = ["main"]
