"""Send an open file in parts."""

from collections.abc import Iterator
from typing import BinaryIO, Final

PART_BYTES: Final = 64 * 1024


def parts_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield the contents of a file, which is closed at the end."""
    with file:
        while part := file.read(PART_BYTES):
            yield part
