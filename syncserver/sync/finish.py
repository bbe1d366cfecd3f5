"""`finish` and `abort`: a sync becomes durable whole, or it never happened."""

import time

from syncserver.collections.committed import advance
from syncserver.collections.lease import Lease
from syncserver.sync.row_counts import keep
from syncserver.sync.session import current_session
from syncserver.sync_record import Outcome


def finish(lease: Lease) -> int:
    """Commit the sync and return the new modification time (ms) of the collection.

    The usn, the times and all changes are one commit, and the time that is answered is the one
    that is stored: otherwise every later sync of every client would do needless work.
    """
    session = current_session(lease)
    collection = lease.collection
    modified = new_modification_time(lease)
    committed = advance(collection, modified)
    keep(collection, session.counts)
    collection.commit()
    lease.end_sync(committed)
    if session.timing_stale:
        lease.close_collection()
    elif session.objects_stale:
        collection.drop_caches()
    return modified


def abort(lease: Lease) -> None:
    """Roll the sync back: the device gives it up."""
    lease.drop_sync(Outcome.ABORTED)


def give_up(lease: Lease, reason: str) -> None:
    """Roll the sync back: it cannot be finished."""
    lease.drop_sync(Outcome.FAILED, reason)


def new_modification_time(lease: Lease) -> int:
    """Return the present (ms), or the next millisecond if that is what is stored already.

    Clients take equal times for "nothing to do", so two states may not share one.
    """
    now = time.time_ns() // 1_000_000
    return now if now != lease.committed.modified else now + 1
