"""One socket served by Granian: the only place that uses what Granian keeps to itself.

Granian's own worker has one socket and reads its certificate once. Several of these stand in one
process, with the same app and services behind them: for more than one address, for a plain port
beside TLS, and for a new certificate, whose listener takes over while the old one's requests end.
Tried with Granian 2.8; pyproject.toml lets no other one in, and tests/listening would notice.
"""

import socket
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

from granian import _granian
from granian._futures import _new_cbscheduler
from granian._loops import loops
from granian.constants import HTTPModes, SSLProtocols
from granian.wsgi import Response, ResponseIterWrap

from syncserver.listening.sockets import BACKLOG, is_unix
from syncserver.listening.tls import Tls

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# Their annotations are not those of the compiled code.
_compiled: Final[Any] = _granian
_new_scheduler: Final[Any] = _new_cbscheduler
_head_of_answer: Final[Any] = Response
_parts_of_answer: Final[Any] = ResponseIterWrap
# The event loop of the process; WSGI does not use it, but Granian asks for one.
_loop: Final[list[Any]] = []
# Threads that only move bytes; each waits for a body or for a client that reads slowly.
RUNTIME_BLOCKING_THREADS: Final = 512
# Connections that are open beside those with a request, of which Granian counts both: clients keep
# theirs for the next one.
RESTING_CONNECTIONS: Final = 512
IDLE_THREAD_SECONDS: Final = 30


class GranianListener:
    """Serves an app on a socket, which it shares with whoever opened it, until it is stopped."""

    def __init__(
        self, shared: socket.socket, app: WsgiApp, *, threads: int, tls: Tls | None = None
    ):
        """Begin to serve in threads of Granian's.

        A certificate must have been tried out (tls_trial.py).
        """
        self._drained = threading.Event()
        self._signal = _compiled.WorkerSignal()
        self._signal.add_cb(self._drained.set)
        worker = _compiled.WSGIWorker(
            1,
            # Granian closes what it is given.
            (None, _compiled.SocketHolder(shared.dup().detach(), is_unix(shared), BACKLOG)),
            None,
            blocking_threads=RUNTIME_BLOCKING_THREADS,
            py_threads=threads,
            py_threads_idle_timeout=IDLE_THREAD_SECONDS,
            backpressure=threads + RESTING_CONNECTIONS,
            http_mode=str(HTTPModes.http1),
            **_tls_arguments(tls),
            metrics=(None, None),
        )
        serve = worker.serve_mtr_uds if is_unix(shared) else worker.serve_mtr
        loop = _event_loop()
        scheduler = _new_scheduler(loop, _answering(app), impl_asyncio=True)
        serve(scheduler, loop, self._signal)

    def stop(self) -> None:
        """Accept nothing more; requests in progress go on."""
        self._signal.set()

    @property
    def has_ended(self) -> bool:
        """Tell whether all requests have ended after `stop`."""
        return self._drained.is_set()

    def wait(self, timeout: float) -> None:
        """Return when the requests that were in progress have ended, or after that long."""
        self._drained.wait(timeout)


def _tls_arguments(tls: Tls | None) -> dict[str, Any]:
    if tls is None:
        return {}
    return {
        "ssl_enabled": True,
        "ssl_cert": str(tls.certificate),
        "ssl_key": str(tls.key),
        "ssl_protocol_min": str(SSLProtocols.tls12),
        "ssl_ca": str(tls.client_ca) if tls.client_ca else None,
        "ssl_client_verify": tls.client_ca is not None and tls.client_required,
    }


def _answering(app: WsgiApp) -> Callable[[Any, dict[str, Any]], int]:
    """Return what Granian calls with each request.

    Its own adds every variable of the process's environment to every request: passwords would be
    one careless log line away, and a variable HTTP_X_FORWARDED_FOR would be a header of everybody.
    """
    same_for_all: dict[str, Any] = {
        "SCRIPT_NAME": "",
        "wsgi.errors": sys.stderr,
        # Granian undoes the chunks and ends the input (wsgi/request_body.py).
        "wsgi.input_terminated": True,
        "wsgi.multiprocess": False,
        "wsgi.multithread": True,
        "wsgi.run_once": False,
        "wsgi.version": (1, 0),
    }

    def answer(connection: Any, of_request: dict[str, Any]) -> int:
        head = _head_of_answer()
        body = app(same_for_all | of_request, head)
        if isinstance(body, list):
            connection.response_bytes(head.status, head.headers, b"".join(body))
        else:
            connection.response_iter(head.status, head.headers, _parts_of_answer(body))
        status: int = head.status
        return status

    return answer


def _event_loop() -> Any:
    if not _loop:
        _loop.append(loops.get("auto"))
    return _loop[0]
