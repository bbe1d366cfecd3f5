"""`download`: send a client the whole collection from a private copy, so that it may take its time."""

import shutil
from typing import BinaryIO, Final

import structlog

from syncserver import events, metrics
from syncserver.collections import atomic_files
from syncserver.collections.committed import read_committed_state
from syncserver.collections.folders import UserFolder
from syncserver.collections.lease import Lease
from syncserver.collections.libanki import LibankiCollection
from syncserver.collections.libanki_errors import CollectionDamaged
from syncserver.sync.collection_file import schema_of
from syncserver.sync.finish import new_modification_time

OLD_SCHEMA: Final = 11

log = structlog.get_logger()


def copy_for_download(lease: Lease) -> BinaryIO:
    """Return an open private copy of the collection, as a client of schema 18 expects it.

    The usn and the modification time are raised first, so that other devices do one small sync
    (section 2.8 of the protocol facts). The file is closed while it is copied: its write-ahead log
    is folded in then, and the header says what clients expect.
    """
    collection = lease.collection
    collection.begin()
    collection.execute("update col set usn = usn + 1, mod = ?", new_modification_time(lease))
    committed = read_committed_state(collection)
    collection.commit()
    lease.close_collection()
    lease.end_sync(committed)
    metrics.FULL_DOWNLOADS.inc()
    log.info(events.COLLECTION_DOWNLOADED)
    with atomic_files.full_disk_is_passing_trouble():
        return atomic_files.private_copy(lease.folder.collection, lease.folder.temporary)


def as_schema_11(copy: BinaryIO, folder: UserFolder) -> BinaryIO:
    """Return a private copy in the form that clients before 2.1.57 read; closes `copy`.

    The server's own file is never downgraded: that loses the state of tags and the usns of the
    configuration (section 7 of the protocol facts).
    """
    with copy, atomic_files.temporary_file(folder.temporary) as path:
        with path.open("wb") as file:
            shutil.copyfileobj(copy, file)
        LibankiCollection(path).close_as_schema_11()
        if schema_of(path) != OLD_SCHEMA:
            raise CollectionDamaged("the copy could not be brought to schema 11")
        return path.open("rb")
