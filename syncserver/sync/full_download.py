"""`download`: send a client the whole collection from a private copy, so that it may take its time."""

from typing import BinaryIO

import structlog

from syncserver import events
from syncserver.collections import atomic_files
from syncserver.collections.committed import read_committed_state
from syncserver.collections.lease import Lease
from syncserver.sync.finish import new_modification_time

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
    log.info(events.COLLECTION_DOWNLOADED)
    with atomic_files.full_disk_is_passing_trouble():
        return atomic_files.private_copy(lease.folder.collection, lease.folder.temporary)
