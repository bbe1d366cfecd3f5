"""Compressors and decompressors that are used again: making one costs more than a small message.

Not one for each thread: requests wander over hundreds of threads, and each one's would be cold.
"""

from functools import lru_cache
from typing import Final

import zstandard

COMPRESSION_LEVEL: Final = 1  # collections shrink to much the same size at higher, slower ones
# Clients' frames have windows of 2 MiB; a frame may not make us hold more than this.
MAX_WINDOW_SIZE: Final = 8 * 1024 * 1024
MOST_IDLE: Final = 8
# Most answers are one of a few short ones ("null", "nothing new"), whose frames are remembered.
SHORT_PAYLOAD: Final = 256
REMEMBERED_FRAMES: Final = 64
# What is read at once of a small message: as much as its frame may be, and hold.
SMALL_FRAME: Final = 4 * 1024
SMALL_MESSAGE: Final = 64 * 1024

# Lists, because their `append` and `pop` are atomic; the one used last comes first.
_compressors: list[zstandard.ZstdCompressor] = []
_decompressors: list[zstandard.ZstdDecompressor] = []


def compressed_frame(payload: bytes) -> bytes:
    """Return a zstd frame of a small payload."""
    return _short_frame(payload) if len(payload) <= SHORT_PAYLOAD else _frame(payload)


def small_message(frame: bytes) -> bytes | None:
    """Return what a whole, small frame holds; None if it is no such one, for whatever reason."""
    if len(frame) > SMALL_FRAME or _stated_size(frame) > SMALL_MESSAGE:
        return None
    decompressor = _take_decompressor()
    try:
        message = decompressor.decompress(frame, max_output_size=SMALL_MESSAGE)
    except zstandard.ZstdError:
        return None
    _give_back(decompressor)
    return message


def _stated_size(frame: bytes) -> int:
    """Return what the frame says of its content's size, -1 if it says nothing."""
    try:
        return zstandard.frame_content_size(frame)
    except zstandard.ZstdError:
        return -1


def _frame(payload: bytes) -> bytes:
    try:
        compressor = _compressors.pop()
    except IndexError:
        compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL)
    frame = compressor.compress(payload)
    if len(_compressors) < MOST_IDLE:
        _compressors.append(compressor)
    return frame


_short_frame: Final = lru_cache(REMEMBERED_FRAMES)(_frame)


def _take_decompressor() -> zstandard.ZstdDecompressor:
    try:
        return _decompressors.pop()
    except IndexError:
        return zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_SIZE)


def _give_back(decompressor: zstandard.ZstdDecompressor) -> None:
    """Keep a decompressor for the next message."""
    if len(_decompressors) < MOST_IDLE:
        _decompressors.append(decompressor)
