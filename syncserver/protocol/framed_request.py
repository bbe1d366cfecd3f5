"""What every framing makes of a request: the one type that the endpoints know."""

from collections.abc import Iterator
from typing import Protocol

from msgspec import Struct

from syncserver.protocol.bounded_streams import CountingSource, decompressed_parts
from syncserver.protocol.zstd_pool import small_message


class Body(Protocol):
    """A request's payload, decompressed while it is read."""

    def parts(self, limit: int) -> Iterator[bytes]:
        """Yield the payload; raises BodyTooLarge beyond `limit` bytes, BadRequest if broken."""
        ...

    def payload(self, limit: int) -> bytes:
        """Return the whole payload; raises as `parts` does."""
        return b"".join(self.parts(limit))


class FramedRequest(Struct, frozen=True):
    """A request without its framing.

    `host_key` and `session_key` are empty when the client sent none; `client` names the client's
    version and system. `version_11` says that the reply must be framed for version 11, and that the
    client understands collections of schema 18. `payload_when_empty` is what a client means that
    sends no payload.
    """

    host_key: str
    session_key: str
    client: str
    version_11: bool
    body: Body
    payload_when_empty: bytes = b""


class ZstdBody(Body):
    """One zstd frame."""

    def __init__(self, source: CountingSource) -> None:
        self._source = source

    def parts(self, limit: int) -> Iterator[bytes]:
        """Yield the payload; raises BodyTooLarge beyond `limit` bytes, BadRequest if broken."""
        return decompressed_parts(self._source, limit)

    def payload(self, limit: int) -> bytes:
        """Return the whole payload, at once if it is small; raises as `parts` does."""
        first = self._source.read()
        message = small_message(first)
        if message is not None and len(message) <= limit:
            return message
        return b"".join(decompressed_parts(self._source, limit, first))
