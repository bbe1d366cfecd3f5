"""Cut connections whose client has stopped sending its body: each would hold a thread for ever.

Granian's input has no time-out, and does not say which connection it reads from. So a request is
noted while it is worked on, and a read while it waits. When one has waited for too long, the
connections of the same peer through which nothing has moved for as long are cut: the operating
system knows since when. Idle ones may be among them, which their clients open again. Nothing is cut
while another request of this peer has been worked on for so long that its connection looks alike.

Connections of a Unix socket have no address to find them by; the proxy behind it has time-outs.
"""

import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import structlog
from msgspec import Struct

from syncserver.events import BODY_TIMED_OUT, HOUSEKEEPING_FAILED
from syncserver.services import Services

if TYPE_CHECKING:
    from syncserver.wsgi.request_chain import RequestContext

# How many times within the time-out it is looked.
LOOKS: Final = 4
# Of Linux' struct tcp_info: the numbers behind its first bytes, and which of them are the
# milliseconds since data was sent and received.
TCP_INFO_NUMBERS: Final = struct.Struct("8x13I")
SENT, RECEIVED = 9, 11
OWN_HANDLES: Final = "/proc/self/fd"

log = structlog.get_logger()


class _InProgress(Struct, frozen=True):
    """A request that is being worked on, and the two ends of its connection."""

    context: "RequestContext"
    peer: str
    port: str
    since: float

    def waits_for_body(self, since: float) -> bool:
        """Tell whether it has been waiting for its body for that long."""
        body = self.context.body
        waiting = body.waiting_since if body is not None else None
        return waiting is not None and waiting <= since

    def works(self, since: float) -> bool:
        """Tell whether it has been worked on for that long, and does not wait for its body."""
        body = self.context.body
        return self.since <= since and (body is None or body.waiting_since is None)


_requests: dict[int, _InProgress] = {}


def note(context: "RequestContext", environ: dict[str, Any], now: float) -> None:
    """Note a request that is worked on from `now` (monotonic seconds) until `forget`."""
    peer, port = environ.get("REMOTE_ADDR", ""), environ.get("SERVER_PORT", "")
    _requests[id(context)] = _InProgress(context, peer, port, now)


def forget(context: "RequestContext") -> None:
    """Note that the work on a request is done."""
    del _requests[id(context)]


class StalledBodies:
    """Looks for them as long as the services run."""

    def __init__(self, services: Services) -> None:
        self._timeout = services.settings.body_timeout
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to look."""
        threading.Thread(target=self._look, name="stalled bodies", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._stopped.set()

    def _look(self) -> None:
        while not self._stopped.wait(self._timeout / LOOKS):
            try:
                self._cut()
            except Exception:  # no file handle is left; the next look may find one
                log.exception(HOUSEKEEPING_FAILED)

    def _cut(self) -> None:
        for peer, port in _peers_that_stall(time.monotonic() - self._timeout):
            if count := _cut_silent(peer, port, self._timeout * 1000):
                log.warning(BODY_TIMED_OUT, address=peer, connections=count)


def _peers_that_stall(since: float) -> set[tuple[str, str]]:
    """Return the peers with stalled bodies, and the ports that they are connected to."""
    requests = list(_requests.values())
    stalled = {(one.peer, one.port) for one in requests if one.peer and one.waits_for_body(since)}
    return stalled - {(one.peer, one.port) for one in requests if one.works(since)}


def _cut_silent(peer: str, port: str, milliseconds: int) -> int:
    """End the connections between the two through which nothing has moved; return how many.

    Granian sees it as if the client had gone.
    """
    count = 0
    for found in _own_sockets():
        with suppress(OSError):  # it listens only, or its other end has gone meanwhile
            if _is_between(found, peer, port) and _silence(found) >= milliseconds:
                found.shutdown(socket.SHUT_RDWR)
                count += 1
    return count


def _own_sockets() -> Iterator[socket.socket]:
    """Yield this process's sockets by handles of our own: others' may come to mean other files."""
    for handle in os.listdir(OWN_HANDLES):
        try:
            copy = os.dup(int(handle))
        except OSError:
            continue  # closed meanwhile
        if not stat.S_ISSOCK(os.fstat(copy).st_mode):
            os.close(copy)
            continue
        with socket.socket(fileno=copy) as found:
            yield found


def _is_between(found: socket.socket, peer: str, port: str) -> bool:
    return (
        found.family in (socket.AF_INET, socket.AF_INET6)
        and found.getpeername()[0].partition("%")[0] == peer
        and str(found.getsockname()[1]) == port
    )


def _silence(found: socket.socket) -> int:
    """Return for how many milliseconds nothing has come or gone."""
    told = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_NUMBERS.size)
    numbers = TCP_INFO_NUMBERS.unpack(told)
    return int(min(numbers[SENT], numbers[RECEIVED]))
