"""Bring files to disk, many side by side: the disk waits once for all, not once for each.

A file that is synced alone costs a whole wait for the disk however small it is. Asked for several at
once, the system writes them together.
"""

import ctypes
import os
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
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


class Syncing:
    """Files and folders on their way to the disk, in whatever order, while more are made.

    The helpers are shared by all users. Whoever finds them busy does the work alone, so that nobody
    waits for somebody else's files.
    """

    def __init__(self, left: Iterable[Path] = ()) -> None:
        """Leave the paths in `left` to whoever has time, at the latest to `finish`."""
        self._left = deque(left)
        self._helping: list[Future[None]] = []

    def begin(self, path: Path) -> None:
        """Let a helper bring a file or folder, whose bytes are all written, to disk."""
        self._left.append(path)
        if len(self._helping) == MOST_HELPERS:
            self._helping = [helper for helper in self._helping if not _is_through(helper)]
        if len(self._helping) < MOST_HELPERS:
            self._helping.append(_helpers.submit(_sync_what_is_left, self._left))

    def finish(self) -> None:
        """Wait until all that was begun is on disk. Raises OSError for what cannot be."""
        try:
            _sync_what_is_left(self._left)
        finally:
            begun = self._given_up()
        for helper in begun:
            helper.result()

    def give_up(self) -> None:
        """Bring nothing more to disk; when this returns, no helper uses any of it."""
        wait(self._given_up())

    def _given_up(self) -> list[Future[None]]:
        """Take away what nobody has begun with, and return who has."""
        self._left.clear()
        helping, self._helping = self._helping, []
        return [helper for helper in helping if not helper.cancel()]


def sync_all(paths: Iterable[Path]) -> None:
    """Wait until all of these files and folders are on disk, in whatever order."""
    all_of_them = list(paths)
    syncing = Syncing(all_of_them[:1])
    for path in all_of_them[1:]:
        syncing.begin(path)
    syncing.finish()


def start_writing(handle: int, offset: int, size: int) -> None:
    """Let the system write a part of an open file now, so that less is left for the sync.

    A hint, for Linux alone; what goes wrong is told by the sync.
    """
    if size:  # none stands for all that follows
        with suppress(AttributeError):
            ctypes.CDLL(None).sync_file_range(
                *(handle, ctypes.c_int64(offset), ctypes.c_int64(size), SYNC_FILE_RANGE_WRITE)
            )


def _is_through(helper: "Future[None]") -> bool:
    return helper.done() and helper.exception() is None


def _sync_what_is_left(left: deque[Path]) -> None:
    while left:
        try:
            path = left.popleft()
        except IndexError:
            return  # another thread was quicker
        sync(path)
