"""Frame replies: zstd with the original size in a header for version 11, plain bytes before."""

from collections.abc import Iterator
from typing import BinaryIO, Final

import zstandard
from msgspec import Struct

from syncserver.protocol.bounded_streams import PART_SIZE
from syncserver.protocol.zstd_pool import COMPRESSION_LEVEL, compressed_frame

ORIGINAL_SIZE_HEADER: Final = "anki-original-size"
CONTENT_TYPE: Final = "application/octet-stream"


class FramedReply(Struct, frozen=True):
    """A reply's headers and its body, whole or in parts.

    `parts` of a file are compressed as they are taken and close the file when they end.
    """

    headers: list[tuple[str, str]]
    body: bytes | Iterator[bytes]


def frame_bytes(payload: bytes, *, compressed: bool) -> FramedReply:
    """Frame a small reply."""
    headers = [("Content-Type", CONTENT_TYPE)]
    if compressed:
        headers.append((ORIGINAL_SIZE_HEADER, str(len(payload))))
        payload = compressed_frame(payload)
    headers.append(("Content-Length", str(len(payload))))
    return FramedReply(headers, payload)


def frame_file(file: BinaryIO, size: int, *, compressed: bool) -> FramedReply:
    """Frame the `size` bytes of an open file, which is closed when the reply has been sent."""
    return frame_parts(_file_parts(file), size, compressed=compressed)


def frame_parts(parts: Iterator[bytes], size: int, *, compressed: bool) -> FramedReply:
    """Frame `size` bytes that are made while they are sent."""
    headers = [("Content-Type", CONTENT_TYPE)]
    if compressed:
        headers.append((ORIGINAL_SIZE_HEADER, str(size)))
        return FramedReply(headers, _compressed_parts(parts))
    headers.append(("Content-Length", str(size)))
    return FramedReply(headers, parts)


def _file_parts(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while part := file.read(PART_SIZE):
            yield part


def _compressed_parts(parts: Iterator[bytes]) -> Iterator[bytes]:
    stream = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL).compressobj()
    for part in parts:
        if compressed := stream.compress(part):
            yield compressed
    yield stream.flush()
