"""Choose the framing of a request: the `anki-sync` header decides."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct
from webob import Request

from syncserver.collections.atomic_files import full_disk_is_passing_trouble
from syncserver.errors import BadRequest
from syncserver.protocol.bounded_streams import CountingSource
from syncserver.protocol.framed_request import FramedRequest
from syncserver.protocol.header_framing import read_header_framing
from syncserver.protocol.multipart_framing import is_multipart, read_multipart_framing
from syncserver.wsgi.request_body import body_source, check_body_came, noticing_no_body
from syncserver.wsgi.request_chain import RequestContext

# What WSGI calls the `anki-sync` header.
HEADER_VARIABLE: Final = "HTTP_ANKI_SYNC"


class Incoming(Struct, frozen=True):
    """A request without its framing, and the body that it is read from."""

    framed: FramedRequest
    source: CountingSource

    def parts(self, limit: int) -> Iterator[bytes]:
        """Yield the payload, of at most `limit` bytes; raises BodyMissing when none was sent."""
        return noticing_no_body(self.framed.body.parts(limit), self.source)

    def payload(self, limit: int) -> bytes:
        """Return the whole payload, of at most `limit` bytes; raises BodyMissing."""
        try:
            return self.framed.body.payload(limit) or self.framed.payload_when_empty
        except BadRequest:
            check_body_came(self.source)
            raise


class FormLimits(Struct, frozen=True):
    """What a form may be at most, in bytes, and where a large one is kept while it is read."""

    wire_bytes: int
    spool_folder: Path


def read_framing(request: Request, context: RequestContext, limits: FormLimits) -> Incoming:
    """Return the request without its framing.

    The body of version 11 is not read yet; a form has to be. Raises BadRequest for a broken header
    or form, BodyTooLarge, BodyMissing, DiskFull.
    """
    source = body_source(request, context)
    framed = _read(request, source, limits)
    if framed.client:
        context.bind(client=framed.client)
    return Incoming(framed, source)


def _read(request: Request, source: CountingSource, limits: FormLimits) -> FramedRequest:
    header = request.environ.get(HEADER_VARIABLE)
    if header is not None:
        return read_header_framing(header, source)
    content_type = request.environ.get("CONTENT_TYPE", "")
    if is_multipart(content_type):
        with full_disk_is_passing_trouble():
            form = read_multipart_framing(
                content_type, source, limits.wire_bytes, limits.spool_folder
            )
        check_body_came(source)
        return form
    raise BadRequest("The anki-sync header is missing.", cause="neither header nor form")
