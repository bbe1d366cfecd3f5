"""Bring files to disk, many side by side: the disk waits once for all, not once for each.

A file that is synced alone costs a whole wait for the disk however small it is. Asked for several at
once, the system writes them together.
"""

import ctypes
import os
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

# Beyond eight at once disks got no faster.
MOST_HELPERS: Final = 7
# From linux/fs.h: begin to write, and wait for nothing.
SYNC_FILE_RANGE_WRITE: Final = 2

# Threads are made when they are first needed, so that a process may fork before.
_helpers = ThreadPoolExecutor(MOST_HELPERS, thread_name_prefix="disk sync")


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_all(paths: Iterable[Path]) -> None:
    """Wait until all of these files and folders are on disk, in whatever order.

    The helpers are shared by all users. Whoever finds them busy does the work alone, so that nobody
    waits for somebody else's files.
    """
    left = deque(paths)
    helping = [
        _helpers.submit(_sync_what_is_left, left) for _ in range(min(MOST_HELPERS, len(left) - 1))
    ]
    try:
        _sync_what_is_left(left)
    finally:
        left.clear()
        begun = [helper for helper in helping if not helper.cancel()]
    for helper in begun:
        helper.result()


def start_writing(handle: int, offset: int, size: int) -> None:
    """Let the system write a part of an open file now, so that less is left for the sync.

    A hint, for Linux alone; what goes wrong is told by the sync.
    """
    if size:  # none stands for all that follows
        with suppress(AttributeError):
            ctypes.CDLL(None).sync_file_range(
                *(handle, ctypes.c_int64(offset), ctypes.c_int64(size), SYNC_FILE_RANGE_WRITE)
            )


def _sync_what_is_left(left: deque[Path]) -> None:
    while left:
        try:
            path = left.popleft()
        except IndexError:
            return  # another thread was quicker
        sync(path)
