"""What the system does for connections: notices those that are dead, and allows many.

A phone that has lost its network says no goodbye. A request of its would wait for the rest of its
body for ever, with a thread, and with one of its user's places. Linux gives the options of a
listening socket to the connections that it accepts.
"""

import os
import resource
import socket
import stat
import threading
import time
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
# The usual 1,024 are few for that many connections, each with a file that is being written.
MOST_OPEN_FILES: Final = 65_536
# Granian begins to listen a moment after it has loaded the app.
WATCH_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.2


def allow_many() -> None:
    """Let this process have as many connections and files open as it may, within reason."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def watch() -> None:
    """Notice dead ones of sockets that begin to listen within the next seconds, in a thread."""
    threading.Thread(target=_watch, name="watch connections", daemon=True).start()


def _watch() -> None:
    deadline = time.monotonic() + WATCH_SECONDS
    while time.monotonic() < deadline:
        notice_dead_ones()
        time.sleep(LOOK_SECONDS)


def notice_dead_ones() -> None:
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
