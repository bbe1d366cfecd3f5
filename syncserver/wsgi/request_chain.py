"""The chain of policies around every view, once and in order.

request id → client address → room on the server → the view (limits, framing, authentication, lease,
step) → mapping of errors → one log line. A view takes a request and a context and returns a response, or raises one
of the classes of `errors`; only here does a class become a status line.
"""

import random
import time
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import structlog
from msgspec import Struct
from webob import Request, Response

from syncserver import events, metrics, one_processor
from syncserver.errors import NotFound, SyncServerError, TooManyAtOnce
from syncserver.limits.admission import Admission, Visit
from syncserver.protocol.bounded_streams import CountingSource
from syncserver.protocol.response_framing import FramedReply
from syncserver.request_counts import UNKNOWN_ROUTE, Route
from syncserver.sync_record import Tally
from syncserver.wsgi import stalled_bodies
from syncserver.wsgi.client_address import NO_ADDRESS, TrustedProxies

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
OK: Final = 200
SERVER_ERROR: Final = 500
# As much as a proxy may still have of a body that is refused at its limit: Apache and HAProxy
# drop the answer of a server that does not take all of it [tried with 2.4 and 2.6].
DRAINED_BYTES: Final = 128 * 1024 * 1024
# Of these the log's spelling is remembered.
REMEMBERED_PATHS: Final = 512

log = structlog.get_logger()


class RequestContext(Struct):
    """What the chain and the view tell each other about one request.

    `log_fields` (user, client, method) end up in the request's log line, `route` in the metrics.
    """

    request_id: str
    address: str
    log_fields: dict[str, object] = {}
    body: CountingSource | None = None
    route: Route = UNKNOWN_ROUTE
    # What the bytes of this request are counted for, and who wants to know that it is over: told
    # whether the whole answer was taken.
    tally: Tally | None = None
    when_over: Callable[[bool], None] | None = None
    # What the request holds of the limits; None for what is always answered.
    visit: Visit | None = None
    # Whether the rest of a body is read before it is answered.
    hears_out: bool = True
    # And how much of it at most.
    heard_bytes: int = DRAINED_BYTES
    # Whether it goes on sharing a processor after its body has been read.
    is_quick: bool = False

    def reads_body(self) -> None:
        """Count for the address, unless it is known for whom. Raises TooManyAtOnce."""
        if self.visit is not None and self.address not in NO_ADDRESS:
            self.visit.reads_body(self.address)

    def has_read_body(self) -> None:
        """Go where there is room, if what follows may take long."""
        if not self.is_quick:
            one_processor.spread()

    def is_of(self, user_id: int, own_rate: int | None = None) -> None:
        """Count for a user, who may have a rate of their own. Raises TooManyAtOnce, RateExceeded."""
        if self.visit is not None:
            self.visit.is_of(user_id, own_rate)

    def note_refusal(self, refusal: SyncServerError) -> None:
        """Log why; hang up on what is too much, unless there is room for hearing it out."""
        if refusal.cause:
            self.bind(cause=refusal.cause)
        if isinstance(refusal, TooManyAtOnce) and self.hears_out:
            self.hears_out = self.visit is not None and self.visit.is_heard_out()

    def bind(self, **fields: object) -> None:
        """Add fields to this request's log lines."""
        self.log_fields.update(fields)


# Replies of sync methods are whole already, and have no need of webob's.
Answer: TypeAlias = Response | FramedReply
View = Callable[[Request, RequestContext], Answer]


class RequestChain:
    """A WSGI app: the policies around one view."""

    def __init__(
        self,
        view: View,
        proxies: TrustedProxies,
        admission: Admission | None = None,
        quick_paths: Container[str] = (),
    ) -> None:
        """Without `admission` every request is let in, however many there are.

        Requests for `quick_paths`, below where the app is mounted, share a processor to their end,
        others until their body has been read.
        """
        self._view = view
        self._quick_paths = quick_paths
        self._proxies = proxies
        self._admission = admission

    @cached_property
    def _log(self) -> Any:
        # Bound once: that takes as long as to write the line.
        return log.bind()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; whatever goes wrong, the response tells nothing that it may not."""
        started = time.monotonic()
        request = Request(environ)
        context = RequestContext(_new_id(), self._proxies.client_address(request))
        context.log_fields = {"request_id": context.request_id, "address": context.address}
        events.request_fields.set(context.log_fields)
        context.is_quick = environ.get("PATH_INFO") in self._quick_paths
        if context.is_quick or _has_body(environ):
            one_processor.share()
        else:
            one_processor.spread()
        stalled_bodies.note(context, environ, started)
        try:
            answer = self._respond(request, context)
            _drain(context)
        finally:
            stalled_bodies.forget(context)
        if isinstance(answer, FramedReply):
            line = _LogLine(self._log, environ, OK, context, started)
            return _send_reply(answer, line, start_response)
        line = _LogLine(self._log, environ, answer.status_int, context, started)
        return _send_response(answer, line, start_response)

    def _respond(self, request: Request, context: RequestContext) -> Answer:
        try:
            _check_path(request.environ)
            if self._admission is not None:
                context.visit = self._admission.enter()
            return self._view(request, context)
        except SyncServerError as refusal:
            context.note_refusal(refusal)
            return _refusal(refusal)
        except Exception:
            log.exception(events.REQUEST_FAILED)
            return _text(SERVER_ERROR, f"Server error {context.request_id}")


def _send_reply(
    reply: FramedReply, line: "_LogLine", start_response: StartResponse
) -> Iterable[bytes]:
    start_response("200 OK", reply.headers)
    if not isinstance(reply.body, bytes):
        return _Sending(reply.body, line)
    _end(line, len(reply.body))
    return [reply.body]


def _send_response(
    response: Response, line: "_LogLine", start_response: StartResponse
) -> Iterable[bytes]:
    if isinstance(response.app_iter, list):
        _end(line, response.content_length or 0)
    else:
        length = response.content_length  # webob forgets it with the body that it belongs to
        response.app_iter = _Sending(response.app_iter, line)
        response.content_length = length
    parts: Iterable[bytes] = response(line.environ, start_response)
    return parts


def _new_id() -> str:
    # It only has to be another one each time; the system's randomness costs a system call.
    return f"{random.getrandbits(64):016x}"


class _LogLine(Struct, frozen=True):
    """The one log line of a request, and its place in the metrics."""

    log: Any
    environ: Environ
    status: int
    context: RequestContext
    started: float

    def write(self, bytes_out: int, *, complete: bool = True) -> None:
        seconds = time.monotonic() - self.started
        bytes_in = self.context.body.bytes_read if self.context.body else 0
        metrics.REQUESTS.count(self.context.route, self.status, seconds, bytes_in, bytes_out)
        self.log.info(
            events.REQUEST,
            **self.context.log_fields,
            verb=self.environ["REQUEST_METHOD"],
            path=_quoted(_path(self.environ)),
            status=self.status,
            milliseconds=round(seconds * 1000, 1),
            bytes_in=bytes_in,
            bytes_out=bytes_out,
        )
        if self.context.tally is not None:
            self.context.tally.bytes_in += bytes_in
            self.context.tally.bytes_out += bytes_out
        if self.context.when_over is not None:
            self.context.when_over(complete)


def _has_body(environ: Environ) -> bool:
    return "HTTP_TRANSFER_ENCODING" in environ or environ.get("CONTENT_LENGTH", "0") != "0"


def _check_path(environ: Environ) -> None:
    """Raise NotFound for a path that is no text: webob could not even read it."""
    path = _path(environ)
    try:
        if not path.isascii():
            path.encode("latin-1").decode()
    except UnicodeDecodeError:
        raise NotFound("There is nothing here.", cause="the path is not UTF-8") from None


def _path(environ: Environ) -> str:
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return path


@lru_cache(REMEMBERED_PATHS)
def _quoted(path: str) -> str:
    return quote(path.encode("latin-1"))  # WSGI hands paths over as Latin-1 whatever was sent


class _Sending:
    """The parts of a streamed body; at its end, or when it is given up, the line is written.

    No generator: one that was never begun does nothing when it is closed.
    """

    def __init__(self, parts: Iterable[bytes], line: _LogLine) -> None:
        self._parts = parts
        self._iterator = iter(parts)
        self._line = line
        self._bytes_out = 0
        self._complete = False
        self._is_over = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        # Granian asks for parts in threads that it keeps for that.
        one_processor.spread()
        try:
            part = next(self._iterator)
        except StopIteration:
            self._complete = True
            self._end()
            raise
        except BaseException:
            self._end()
            raise
        self._bytes_out += len(part)
        return part

    def close(self) -> None:
        """Give the body up, or note that all of it was taken."""
        try:
            close = getattr(self._parts, "close", None)
            if close is not None:
                close()
        finally:
            self._end()

    def __del__(self) -> None:
        # A server that loses the connection may forget to close.
        self.close()

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            _end(self._line, self._bytes_out, complete=self._complete)


def _end(line: _LogLine, bytes_out: int, *, complete: bool = True) -> None:
    """Write the line, and give back what the request holds of the limits, come what may."""
    try:
        line.write(bytes_out, complete=complete)
    finally:
        if line.context.visit is not None:
            line.context.visit.leave()


def _drain(context: RequestContext) -> None:
    """Read the rest of the body: a client that is still sending would not see our answer.

    Its system would report a broken connection instead of the refusal.
    """
    if context.body is not None and context.hears_out:
        with suppress(Exception):  # a connection that is gone needs no answer
            context.body.drain(context.heard_bytes)


def _refusal(refusal: SyncServerError) -> Response:
    response = _text(refusal.status, refusal.public_text)
    if refusal.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(refusal.retry_after_seconds)
    return response


def _text(status: int, text: str) -> Response:
    return Response(status=status, text=f"{text}\n", content_type="text/plain", charset="utf-8")
