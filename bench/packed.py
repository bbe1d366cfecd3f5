"""Compressed bodies that are made once, beside the collections they hold."""

from pathlib import Path

import zstandard


def packed(collection: Path) -> Path:
    """Return the file with the zstd frame of a collection, as clients compress it."""
    finished = collection.with_suffix(".zst")
    if not finished.exists():
        unfinished = collection.with_suffix(".unfinished")
        with collection.open("rb") as source, unfinished.open("wb") as target:
            zstandard.ZstdCompressor(write_content_size=False).copy_stream(source, target)
        unfinished.rename(finished)
    return finished
