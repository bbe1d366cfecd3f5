"""Read request bodies part by part: limits are checked while data flows, never after."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol

from backports import zstd

from syncserver.errors import BadRequest, BodyTooLarge
from syncserver.protocol.zstd_pool import MAX_WINDOW_SIZE

PART_SIZE: Final = 256 * 1024
# A frame may not make us hold more than this.
LARGEST_WINDOW: Final[Mapping[int, int]] = {
    zstd.DecompressionParameter.window_log_max: MAX_WINDOW_SIZE.bit_length() - 1
}
# Random bytes grow a little when they are compressed.
COMPRESSION_OVERHEAD: Final = 64 * 1024


class ByteSource(Protocol):
    """What bodies are read from: a WSGI input, a file, another of our streams."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end."""
        ...


class CountingSource:
    """A source that counts what was read from it, and tells since when a read waits.

    It calls `before_reading` once, before the first read, and `after_reading` once, at its end. The
    source gives fewer bytes than it was asked for only at its end, as PEP 3333 has it.
    """

    def __init__(
        self,
        source: ByteSource,
        before_reading: Callable[[], None] | None = None,
        after_reading: Callable[[], None] | None = None,
    ) -> None:
        self._source = source
        self._before_reading = before_reading
        self._after_reading = after_reading
        self._ended = False
        self.bytes_read = 0
        self.waiting_since: float | None = None

    def read(self, size: int = PART_SIZE) -> bytes:
        """Return up to `size` bytes, none at the end. Raises what `before_reading` does."""
        if self._before_reading is not None:
            self._before_reading()
            self._before_reading = None
        self.waiting_since = time.monotonic()
        part = self._source.read(size)
        self.waiting_since = None
        self.bytes_read += len(part)
        self._ended = len(part) < size
        if self._ended and self._after_reading is not None:
            self._after_reading()
            self._after_reading = None
        return part

    def drain(self, limit: int) -> None:
        """Read what is left, up to about `limit` bytes, and drop it."""
        last = self.bytes_read + limit
        while not self._ended and self.bytes_read < last:
            self.read()


class LengthLimitedSource:
    """The first `length` bytes of a connection that goes on behind the body (Content-Length)."""

    def __init__(self, source: ByteSource, length: int) -> None:
        self._source = source
        self._left = length

    def read(self, size: int = PART_SIZE) -> bytes:
        """Return up to `size` bytes; raises BadRequest when the connection ends too early."""
        if not self._left:
            return b""
        part = self._source.read(min(size, self._left))
        if not part:
            raise BadRequest("The request was cut off.", cause=f"{self._left} bytes are missing")
        self._left -= len(part)
        return part


def decompressed_parts(source: CountingSource, limit: int, first: bytes = b"") -> Iterator[bytes]:
    """Yield what one zstd frame contains, part by part; bytes behind the frame are left alone.

    `first` is what was read of it already. Raises BodyTooLarge as soon as more than `limit` bytes have come out or far more have gone in,
    BadRequest when it is no zstd frame or when it was cut off.
    """
    frame = zstd.ZstdDecompressor(options=LARGEST_WINDOW)
    left = limit
    piece = first or source.read()
    while piece:
        if source.bytes_read > limit + COMPRESSION_OVERHEAD:
            raise _too_large(limit)
        while part := _decompress(frame, piece):
            left -= len(part)
            if left < 0:
                raise _too_large(limit)
            yield part
            if frame.eof or frame.needs_input:
                break
            piece = b""
        if frame.eof:
            return
        piece = source.read()
    raise BadRequest("The request was cut off.", cause="the zstd frame is not complete")


def _decompress(frame: zstd.ZstdDecompressor, piece: bytes) -> bytes:
    """Return what comes next; four bytes can stand for 128 KiB, but no more than a part is given."""
    try:
        return frame.decompress(piece, PART_SIZE)
    except zstd.ZstdError as problem:
        raise BadRequest("The request is not compressed with zstd.", cause=str(problem)) from None


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge("The request is too large.", cause=f"more than {limit} bytes")
