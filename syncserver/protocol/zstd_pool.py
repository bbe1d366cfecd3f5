"""Compressors and decompressors that are used again: making one costs more than a small message.

Not one for each thread: requests wander over hundreds of threads, and each one's would be cold.
"""

from typing import Final

import zstandard

COMPRESSION_LEVEL: Final = 1  # collections shrink to much the same size at higher, slower ones
# Clients' frames have windows of 2 MiB; a frame may not make us hold more than this.
MAX_WINDOW_SIZE: Final = 8 * 1024 * 1024
MOST_IDLE: Final = 8

# Lists, because their `append` and `pop` are atomic; the one used last comes first.
_compressors: list[zstandard.ZstdCompressor] = []
_decompressors: list[zstandard.ZstdDecompressor] = []


def compressed_frame(payload: bytes) -> bytes:
    """Return a zstd frame of a small payload."""
    try:
        compressor = _compressors.pop()
    except IndexError:
        compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL)
    frame = compressor.compress(payload)
    if len(_compressors) < MOST_IDLE:
        _compressors.append(compressor)
    return frame


def take_decompressor() -> zstandard.ZstdDecompressor:
    """Return a decompressor that nobody else uses."""
    try:
        return _decompressors.pop()
    except IndexError:
        return zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_SIZE)


def give_back(decompressor: zstandard.ZstdDecompressor) -> None:
    """Keep a decompressor for the next message; not after a large one, whose window it holds."""
    if len(_decompressors) < MOST_IDLE:
        _decompressors.append(decompressor)
