"""One process owns a data root: an advisory lock on a file in it, with the owner's pid inside.

libanki locks every collection file exclusively, so two servers on one data root would refuse each
other's users at random. The lock is inherited by forked workers and vanishes with the last of them,
whatever kills it, so a lock that is held always means a live server.
"""

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from syncserver.collections.folders import PRIVATE_FILE_MODE

LOCK_FILE: Final = "syncserver.lock"
MOMENT_SECONDS: Final = 0.2

_held: dict[Path, int] = {}


class DataRootInUse(Exception):
    """Another process owns the data root; `pid` is None when it did not say who it is."""

    def __init__(self, data_root: Path, pid: int | None) -> None:
        owner = f"process {pid}" if pid else "another process"
        super().__init__(f"{data_root} is in use by {owner}; only one server may own a data root")
        self.data_root = data_root
        self.pid = pid


def acquire(data_root: Path) -> None:
    """Own `data_root` for as long as this process (or one forked from it) lives.

    Does nothing when this process owns it already. Raises DataRootInUse.
    """
    if data_root in _held:
        return
    handle = os.open(data_root / LOCK_FILE, os.O_RDWR | os.O_CREAT, PRIVATE_FILE_MODE)
    if not _lock(handle):
        pid = _read_pid(handle)
        os.close(handle)
        raise DataRootInUse(data_root, pid)
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    _held[data_root] = handle


def release(data_root: Path) -> None:
    """Give `data_root` up, if this process owns it."""
    handle = _held.pop(data_root, None)
    if handle is not None:
        os.close(handle)


def owner(data_root: Path) -> int | None:
    """Return the pid of the live process that owns `data_root`, None when nobody does.

    0 stands for an owner that has not yet written its pid.
    """
    if data_root in _held:
        return os.getpid()
    try:
        handle = os.open(data_root / LOCK_FILE, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_pid(handle) or 0
    finally:
        os.close(handle)
    return None


def _lock(handle: int) -> bool:
    """Take the lock; whoever only asks who owns it has it for a moment too, which is waited out."""
    deadline = time.monotonic() + MOMENT_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(MOMENT_SECONDS / 20)
        else:
            return True


def _read_pid(handle: int) -> int | None:
    text = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdecimal() else None
