"""Find a request's body, and notice when a proxy has dropped it."""

from collections.abc import Iterator
from typing import Final

import structlog
from webob import Request

from syncserver import events
from syncserver.errors import BadRequest, BodyMissing
from syncserver.protocol.bounded_streams import CountingSource, LengthLimitedSource
from syncserver.wsgi.request_chain import Environ, RequestContext

# Clients send their bodies in chunks. A server or proxy that does not understand that passes the
# request on without any body: the commonest cause of failed set-ups.
BODY_MISSING_TEXT: Final = (
    "The request arrived without its body. Anki sends it in chunks (Transfer-Encoding: chunked)"
    " and a proxy in front of this server has dropped it. nginx: set 'proxy_http_version 1.1;'."
    " Apache: set 'SetEnv proxy-sendchunked 1'. 'ctl.py deploy-files' writes what is right for both."
)

log = structlog.get_logger()


def body_source(request: Request, context: RequestContext) -> CountingSource:
    """Return the request's body as it was sent, which counts for whoever sends it.

    A WSGI server that says `wsgi.input_terminated` has undone the chunks and ends the input by
    itself; behind any other only Content-Length says where the body ends. Raises BadRequest for a
    Content-Length that is no number.
    """
    context.body = _source(request.environ, context)
    return context.body


def _source(environ: Environ, context: RequestContext) -> CountingSource:
    before, after = context.reads_body, context.has_read_body
    source = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        return CountingSource(source, before, after)
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal():
        raise BadRequest("The Content-Length is not a number.", cause=f"it is {length!r:.40}")
    return CountingSource(LengthLimitedSource(source, int(length)), before, after)


def noticing_no_body(parts: Iterator[bytes], source: CountingSource) -> Iterator[bytes]:
    """Yield the parts; raises BodyMissing, and logs the likely reason, if nothing was sent."""
    try:
        yield from parts
    except BadRequest:
        check_body_came(source)
        raise


def check_body_came(source: CountingSource) -> None:
    """Raise BodyMissing, and log the likely reason, if nothing could be read."""
    if not source.bytes_read:
        log.warning(events.BODY_MISSING, remedy=BODY_MISSING_TEXT)
        raise BodyMissing(BODY_MISSING_TEXT, cause="the body is empty") from None
