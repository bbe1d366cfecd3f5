"""One process owns a data root: an advisory lock on a file in it, with the owner's pid inside.

libanki locks every collection file exclusively, so two servers on one data root would refuse each
other's users at random. The lock is inherited by forked workers and vanishes with the last of them,
whatever kills it, so a lock that is held always means a live owner: a server, or a command that
works on the files while no server runs, whose name then follows the pid.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from syncserver.collections.folders import PRIVATE_FILE_MODE
from syncserver.settings import SettingsError

LOCK_FILE: Final = "syncserver.lock"
MOMENT_SECONDS: Final = 0.2
# Far more than a pid and the name of a command.
MOST_BYTES: Final = 200

_held: dict[Path, int] = {}


class Owner(NamedTuple):
    """A live process that owns a data root.

    `pid` is 0 as long as it has not written who it is; `command` is empty for a server.
    """

    pid: int
    command: str = ""


class DataRootInUse(Exception):
    """Another process owns the data root."""

    def __init__(self, data_root: Path, owner: Owner) -> None:
        process = f"process {owner.pid}" if owner.pid else "another process"
        super().__init__(
            f"{owner.command} ({process}) works on {data_root}; try again when it has ended"
            if owner.command
            else f"{data_root} is in use by {process}; only one server may own a data root"
        )
        self.owner = owner


def acquire(data_root: Path, command: str = "") -> None:
    """Own `data_root` for as long as this process (or one forked from it) lives.

    Whoever is no server names its command. Does nothing when this process owns it already. Raises
    DataRootInUse, and SettingsError if this user may not.
    """
    if data_root in _held:
        return
    path = data_root / LOCK_FILE
    with _permitted(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE_MODE)
    if not _lock(handle):
        found = _read(handle)
        os.close(handle)
        raise DataRootInUse(data_root, found)
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()} {command}".strip().encode() + b"\n", 0)
    _held[data_root] = handle


def release(data_root: Path) -> None:
    """Give `data_root` up, if this process owns it."""
    handle = _held.pop(data_root, None)
    if handle is not None:
        os.close(handle)


def owner(data_root: Path) -> Owner | None:
    """Return the live process that owns `data_root`, None when nobody does.

    Raises SettingsError if this user may not look.
    """
    path = data_root / LOCK_FILE
    try:
        with _permitted(path):
            handle = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(handle)
    finally:
        os.close(handle)
    return None


def server(data_root: Path) -> int | None:
    """Return the pid of the server that owns `data_root`, None when none runs.

    0 stands for an owner that has not yet written its pid. Raises SettingsError if this user may not
    look.
    """
    found = owner(data_root)
    return None if found is None or found.command else found.pid


@contextmanager
def _permitted(path: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as problem:
        raise SettingsError(f"data_root: {path}: {problem.strerror}") from None


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


def _read(handle: int) -> Owner:
    text = os.pread(handle, MOST_BYTES, 0).decode("ascii", "replace").strip()
    pid, _, command = text.partition(" ")
    return Owner(int(pid), command) if pid.isdecimal() else Owner(0)
