"""Version 11: a JSON header and one zstd frame as the body (section 1.3 of the protocol facts)."""

from typing import Final

import msgspec
from msgspec import Struct

from syncserver.errors import BadRequest
from syncserver.protocol import versions
from syncserver.protocol.bounded_streams import CountingSource
from syncserver.protocol.framed_request import FramedRequest, ZstdBody

HEADER_NAME: Final = "anki-sync"


class _Header(Struct):
    """`v` protocol version, `k` host key, `c` client, `s` session key; all are always present."""

    v: int
    k: str
    c: str
    s: str


def read_header_framing(header: str, source: CountingSource) -> FramedRequest:
    """Return the request behind an `anki-sync` header. Raises BadRequest for a broken header."""
    try:
        # WSGI hands headers over as Latin-1 whatever the client sent.
        fields = msgspec.json.decode(header.encode("latin-1"), type=_Header)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as problem:
        raise BadRequest("The anki-sync header cannot be read.", cause=str(problem)) from None
    if not versions.is_spoken(fields.v):
        raise BadRequest("This version of the protocol is not known.", cause=f"version {fields.v}")
    return FramedRequest(
        host_key=fields.k,
        session_key=fields.s,
        client=fields.c,
        version_11=fields.v >= versions.FIRST_WITH_HEADER,
        body=ZstdBody(source),
    )
