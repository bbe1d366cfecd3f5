"""Write files so that a crash leaves the old one or the new one: the only place that writes files.

Temporary name on the same file system, sync of the bytes, rename, sync of the folder.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from syncserver.collections import disk_sync
from syncserver.collections.folders import PRIVATE_FILE_MODE
from syncserver.errors import DiskFull

# So much at least is left to the disk at a time, in bytes.
WRITTEN_AT_ONCE: Final = 8 * 1024 * 1024
FULL_DISK_ERRORS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def full_disk_is_passing_trouble() -> Iterator[None]:
    """Turn the operating system's "no space left" into DiskFull; nothing was changed by then."""
    try:
        yield
    except OSError as problem:
        if problem.errno in FULL_DISK_ERRORS:
            text = "The server's disk is full; nothing was changed."
            raise DiskFull(text, cause=str(problem)) from problem
        raise


@contextmanager
def temporary_file(folder: Path) -> Iterator[Path]:
    """Give the path of a new, empty file in `folder`; it is gone afterwards unless it was moved."""
    with full_disk_is_passing_trouble():
        path = folder.absolute() / f"tmp{secrets.token_hex(8)}"
        try:
            # Made in here, so that who is interrupted just then leaves nothing either.
            path.touch(PRIVATE_FILE_MODE, exist_ok=False)
            yield path
        finally:
            path.unlink(missing_ok=True)


def replace(source: Path, target: Path) -> None:
    """Move `source` over `target` durably: when this returns, it is on disk."""
    disk_sync.sync(source)
    os.replace(source, target)
    disk_sync.sync(target.parent)


def keep_as(source: Path, target: Path) -> None:
    """Give the bytes of `source`, which stays where it is, a second name, durably.

    A hard link where the file system has them, a copy elsewhere. Only for files that are replaced
    whole: a file that is changed in place would change under both names.
    """
    try:
        os.link(source, target)
    except OSError:
        with temporary_file(target.parent) as copy:
            shutil.copyfile(source, copy)
            replace(copy, target)
    disk_sync.sync(target.parent)


def lend(source: Path, target: Path) -> None:
    """Give the bytes of `source` a second name for a while; it need not survive a crash."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def hand_in(source: Path, target: Path) -> None:
    """Move a file into a place where it is looked over before anybody relies on it.

    It may be lost or damaged by a crash; nobody waits for the disk.
    """
    os.replace(source, target)


def write_parts(path: Path, parts: Iterable[bytes]) -> None:
    """Write parts, as they come, into a file that `temporary_file` has given.

    The disk writes what has come while more comes, so that little is left for a sync later.
    """
    begun = written = 0
    with full_disk_is_passing_trouble(), path.open("wb") as file:
        for part in parts:
            file.write(part)
            written += len(part)
            if written - begun >= WRITTEN_AT_ONCE:
                disk_sync.start_writing(file.fileno(), begun, written - begun)
                begun = written
        file.flush()
        disk_sync.start_writing(file.fileno(), begun, written - begun)


def copy(source: Path, target: Path) -> None:
    """Copy a file whose copy need not survive a crash. Raises DiskFull.

    On file systems that can (btrfs, XFS) the copy shares the bytes, which takes no time.
    """
    with full_disk_is_passing_trouble(), source.open("rb") as old, target.open("wb") as new:
        left = os.fstat(old.fileno()).st_size
        with suppress(OSError):
            while left and (copied := os.copy_file_range(old.fileno(), new.fileno(), left)):
                left -= copied
        if left:
            shutil.copyfile(source, target)


def private_copy(source: Path, folder: Path) -> BinaryIO:
    """Return an open copy of `source` that has no name any more, so that no crash can leave it."""
    with temporary_file(folder) as copy:
        shutil.copyfile(source, copy)
        return copy.open("rb")
