"""Who calls the control script, for the audit trail."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager

from syncserver import events


def operator_name() -> str:
    """Return the name of the system's user, and who says to have become that by sudo."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user may have no name
        name = str(os.getuid())
    caller = os.environ.get("SUDO_USER", "")
    return f"{name} ({caller})" if caller and caller != name else name


@contextmanager
def acting_operator() -> Iterator[None]:
    """Have the events of the block say by whom they were caused."""
    with events.saying(operator=operator_name()):
        yield
