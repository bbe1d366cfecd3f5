"""What every framing makes of a request: the one type that the endpoints know."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from syncserver.protocol.bounded_streams import CountingSource, decompressed_parts


class Body(Protocol):
    """A request's payload, decompressed while it is read."""

    def parts(self, limit: int) -> Iterator[bytes]:
        """Yield the payload; raises BodyTooLarge beyond `limit` bytes, BadRequest if broken."""
        ...


@dataclass(frozen=True, slots=True)
class FramedRequest:
    """A request without its framing.

    `host_key` and `session_key` are empty when the client sent none; `client` names the client's
    version and system; `compressed_reply` says how the reply must be framed.
    """

    host_key: str
    session_key: str
    client: str
    compressed_reply: bool
    body: Body

    def payload(self, limit: int) -> bytes:
        """Return the whole payload, of at most `limit` bytes."""
        return b"".join(self.body.parts(limit))


@dataclass(frozen=True, slots=True)
class ZstdBody:
    """One zstd frame."""

    source: CountingSource

    def parts(self, limit: int) -> Iterator[bytes]:
        """Yield the payload; raises BodyTooLarge beyond `limit` bytes, BadRequest if broken."""
        return decompressed_parts(self.source, limit)
