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


@dataclass(frozen=True, slots=True)
class ZstdBody:
    """One zstd frame."""

    source: CountingSource

    def parts(self, limit: int) -> Iterator[bytes]:
        """Yield the payload; raises BodyTooLarge beyond `limit` bytes, BadRequest if broken."""
        return decompressed_parts(self.source, limit)
