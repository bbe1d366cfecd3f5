"""Who calls the control script, for the audit trail, and what for, for whoever must wait."""

import os
import pwd
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from syncserver import events


def operator_name() -> str:
    """Return the name of the system's user, and who says to have become that by sudo."""
    name = user_name(os.getuid()) or str(os.getuid())
    caller = os.environ.get("SUDO_USER", "")
    return f"{name} ({caller})" if caller and caller != name else name


def user_name(number: int) -> str | None:
    """Return the name of one of the system's users; a container's user may have none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return None


def command_name() -> str:
    """Return what the operator has called, without arguments: `ctl.py sql`."""
    return f"ctl.py {called_command(sys.argv[1:])}"


def called_command(arguments: Sequence[str]) -> str:
    """Return the first argument that is no option, or nothing."""
    return next((one for one in arguments if not one.startswith("-")), "")


@contextmanager
def acting_operator() -> Iterator[None]:
    """Have the events of the block say by whom they were caused."""
    with events.saying(operator=operator_name()):
        yield
