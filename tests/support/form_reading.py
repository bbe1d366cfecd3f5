"""Have a form read from a connection that gives it bit by bit, and watch the memory meanwhile."""

import io
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from syncserver.protocol.bounded_streams import PART_SIZE, CountingSource
from syncserver.protocol.framed_request import FramedRequest
from syncserver.protocol.multipart_framing import read_multipart_framing
from tests.support.forms import content_type

MEGABYTE = 1_000_000


class InPieces:
    """A connection that gives at most `size` bytes at once."""

    def __init__(self, body: bytes, size: int) -> None:
        self._body = io.BytesIO(body)
        self._size = size

    def read(self, size: int) -> bytes:
        return self._body.read(min(size, self._size))


def read(
    body: bytes,
    *,
    kind: str = content_type(),
    wire_limit: int = 100 * MEGABYTE,
    piece: int = PART_SIZE,
) -> FramedRequest:
    """Return the request in a form; large payloads are spooled in the current folder."""
    source = CountingSource(InPieces(body, piece))
    return read_multipart_framing(kind, source, wire_limit, Path.cwd())


def received(request: FramedRequest, limit: int = 100 * MEGABYTE) -> bytes:
    """Return the whole payload."""
    return b"".join(request.body.parts(limit))


@contextmanager
def at_most_in_memory(limit: int) -> Iterator[None]:
    """Fail if the block ever held more than `limit` bytes."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit
