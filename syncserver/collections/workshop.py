"""A private folder for one piece of work on a copy of a user's collection."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from syncserver.collections import atomic_files
from syncserver.collections.folders import UserFolder
from syncserver.collections.lease import Lease

COLLECTION_NAME: Final = "collection.anki2"


@contextmanager
def workshop(folder: UserFolder) -> Iterator[Path]:
    """Give an empty folder on the user's file system; it is gone afterwards. Raises DiskFull.

    What a killed server leaves goes when the next one starts.
    """
    with atomic_files.full_disk_is_passing_trouble():
        folder.prepare()
        path = Path(tempfile.mkdtemp(dir=folder.temporary))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def copy_collection(lease: Lease, target: Path) -> None:
    """Copy the user's collection, made if there is none, closed and consistent.

    Raises CollectionDamaged, DiskFull.
    """
    lease.collection  # noqa: B018 - made if there is none yet
    lease.close_collection()
    atomic_files.copy(lease.folder.collection, target)


def hand_over(folder: Path) -> None:
    """Give what lies in a folder to the folder's owner, if the superuser has put it there."""
    if os.geteuid():
        return
    owner = folder.stat()
    for path in folder.iterdir():
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
