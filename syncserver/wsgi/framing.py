"""Choose the framing of a request: the `anki-sync` header decides."""

from collections.abc import Iterator
from dataclasses import dataclass

from webob import Request

from syncserver.errors import BadRequest, ClientTooOld
from syncserver.protocol.bounded_streams import CountingSource
from syncserver.protocol.framed_request import FramedRequest
from syncserver.protocol.header_framing import HEADER_NAME, read_header_framing
from syncserver.wsgi.request_body import body_source, noticing_no_body
from syncserver.wsgi.request_chain import RequestContext


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request without its framing, and the body that it is read from."""

    framed: FramedRequest
    source: CountingSource

    def parts(self, limit: int) -> Iterator[bytes]:
        """Yield the payload, of at most `limit` bytes; raises BodyMissing when none was sent."""
        return noticing_no_body(self.framed.body.parts(limit), self.source)

    def payload(self, limit: int) -> bytes:
        """Return the whole payload, of at most `limit` bytes; raises BodyMissing."""
        return b"".join(self.parts(limit))


def read_framing(request: Request, context: RequestContext) -> Incoming:
    """Return the request without its framing; its body is not read yet.

    Raises BadRequest for a broken header, ClientTooOld for the multipart forms of versions 8 to 10.
    """
    source = context.body = body_source(request)
    header = request.headers.get(HEADER_NAME)
    if header is None:
        if request.content_type == "multipart/form-data":
            raise ClientTooOld("This server needs Anki 2.1.57 or newer.", cause="multipart form")
        raise BadRequest("The anki-sync header is missing.", cause="neither header nor form")
    framed = read_header_framing(header, source)
    context.bind(client=framed.client)
    return Incoming(framed, source)
