"""Have the system notice clients that have vanished: a phone that lost its network says no goodbye.

A request of theirs would wait for the rest of its body for ever, with a thread, and with one of the
user's places. Linux gives the options of a listening socket to the connections that it accepts.
"""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

# After a minute of silence the system asks, and after four questions without an answer, 15 seconds
# apart, the connection is broken; so is one that has not taken our answer for two minutes.
OPTIONS: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 120_000),
)


def notice_dead_connections() -> None:
    """Set these options for all that this process's listening TCP sockets accept from now on."""
    for listening in _listening_sockets():
        for option in OPTIONS:
            listening.setsockopt(*option)
        listening.close()


def _listening_sockets() -> Iterator[socket.socket]:
    """Yield second handles of the sockets that listen on TCP ports."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # closed meanwhile, as the handle of this list is
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            found = socket.socket(fileno=os.dup(int(name)))
            if _listens_on_tcp(found):
                yield found
            else:
                found.close()


def _listens_on_tcp(found: socket.socket) -> bool:
    on_internet = found.family in (socket.AF_INET, socket.AF_INET6)
    return on_internet and bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
