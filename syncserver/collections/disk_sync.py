"""Bring files to disk, many side by side: the disk waits once for all, not once for each.

A file that is synced alone costs a whole wait for the disk however small it is. Asked for several at
once, the system writes them together.
"""

import ctypes
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from syncserver.collections import side_by_side

# From linux/fs.h: begin to write, and wait for nothing.
SYNC_FILE_RANGE_WRITE: Final = 2


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_all(paths: Iterable[Path]) -> None:
    """Wait until all of these files and folders are on disk, in whatever order."""
    side_by_side.for_each(sync, paths)


def start_writing(handle: int, offset: int, size: int) -> None:
    """Let the system write a part of an open file now, so that less is left for the sync.

    A hint, for Linux alone; what goes wrong is told by the sync.
    """
    if size:  # none stands for all that follows
        with suppress(AttributeError):
            ctypes.CDLL(None).sync_file_range(
                *(handle, ctypes.c_int64(offset), ctypes.c_int64(size), SYNC_FILE_RANGE_WRITE)
            )
