"""zstd frames of a few kilobytes that stand for gigabytes."""

from collections.abc import Iterator

MAGIC = b"\x28\xb5\x2f\xfd"
# No content size, no checksum; a window of 2 MiB, as in the frames of real clients.
FRAME_HEADER = MAGIC + b"\x00\x58"
LARGEST_BLOCK = 128 * 1024
RAW, REPEATED = 0, 1
PIECE_BLOCKS = 250


def expanding_frame(start: bytes, byte: bytes, size: int) -> Iterator[bytes]:
    """Yield, in pieces, a frame that says `start` and then `byte` over and over, `size` times."""
    yield FRAME_HEADER + _block(RAW, len(start)) + start
    left = size
    while left > 0:
        piece = b""
        for _ in range(PIECE_BLOCKS):
            length = min(LARGEST_BLOCK, left)
            left -= length
            if length:
                piece += _block(REPEATED, length, last=not left) + byte
        yield piece


def _block(kind: int, length: int, *, last: bool = False) -> bytes:
    return (length << 3 | kind << 1 | last).to_bytes(3, "little")
