"""One call of the API on a user's collection: under the lease, one transaction, all or nothing.

What libanki changes here is stamped with the collection's present usn. That is the number which
the next device to sync raises, and every device has been told a lower or the same one as the first
that it has not seen; so each of them is sent the change. See docs/architecture.md.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from anki.collection import Collection

from syncserver.collections.committed import CommittedState, read_committed_state
from syncserver.collections.lease import Collections, Lease
from syncserver.collections.libanki import translated_errors


class NeedsFullSync(Exception):
    """The change would make every device replace its whole collection, and nobody allowed that."""


class ReadHasChanged(Exception):
    """What was announced as a read has changed something: a mistake of ours."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a call announces: whether it changes anything, and whether devices may be forced."""

    change: bool
    allow_full_sync: bool = False


@contextmanager
def api_work(collections: Collections, folder: str, work: Work) -> Iterator[Collection]:
    """Give the collection for one call: what it did is committed, or rolled back if it raises.

    Raises SyncConflict while a device's sync goes on for too long, NeedsFullSync, and what
    `translated_errors` makes of libanki's errors. What libanki keeps to undo survives, unless a
    change was rolled back.
    """
    failure: BaseException | None = None
    with collections.borrow(folder) as lease:
        _begin_the_day(lease)
        before = lease.collection.changes()
        lease.collection.begin()
        try:
            with translated_errors():
                yield lease.collection.objects
            _end(lease, work, changed=lease.collection.changes() != before)
        except BaseException as problem:
            # Raised below: what leaves the lease by an exception has the file closed.
            failure = problem
            _roll_back(lease, before)
    if failure is not None:
        raise failure


def _begin_the_day(lease: Lease) -> None:
    """Let libanki do what it does once a day, so that no read finds that it has to."""
    before = lease.collection.changes()
    lease.collection.restore_buried_cards()
    if lease.collection.changes() != before:
        lease.note_commit(read_committed_state(lease.collection))


def _end(lease: Lease, work: Work, *, changed: bool) -> None:
    if not changed:
        lease.collection.roll_back()
    elif not work.change:
        raise ReadHasChanged
    else:
        _commit(lease, lease.committed, allow_full_sync=work.allow_full_sync)


def _commit(lease: Lease, before: CommittedState, *, allow_full_sync: bool) -> None:
    collection = lease.collection
    after = read_committed_state(collection)
    if after.schema_modified != before.schema_modified and not allow_full_sync:
        raise NeedsFullSync
    if after.modified != before.modified:
        collection.commit_objects()
    else:
        # Two changes in one millisecond: devices take equal times for "nothing to do". Never mind
        # that this empties the list of what can be undone.
        collection.execute("update col set mod = mod + 1")
        collection.commit()
    lease.note_commit(read_committed_state(collection))


def _roll_back(lease: Lease, before: int) -> None:
    if lease.collection.changes() == before:
        lease.collection.roll_back()
    else:
        # Closed, because libanki would still offer to undo what was rolled back.
        lease.close_collection()
