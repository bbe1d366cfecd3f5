"""One call of the API on a user's collection: under the lease, one transaction, all or nothing.

What libanki changes here is stamped with the collection's present usn. That is the number which
the next device to sync raises, and every device has been told a lower or the same one as the first
that it has not seen; so each of them is sent the change. See docs/architecture.md.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from anki.collection import Collection

from syncserver.collections.committed import read_committed_state
from syncserver.collections.lease import Collections, Lease
from syncserver.collections.libanki_errors import CollectionDamaged, translated_errors

WAIT_SECONDS: Final = 0.0005
MOST_WAITS: Final = 10


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
        if work.change:
            _let_a_millisecond_pass(lease.committed.modified)
        lease.collection.begin()
        try:
            with translated_errors():
                yield lease.collection.objects
            _end(lease, work)
        except BaseException as problem:
            # Raised below: what leaves the lease by an exception has the file closed.
            failure = problem
            if isinstance(problem, CollectionDamaged):
                lease.note_damage(str(problem))
            _roll_back(lease)
    if failure is not None:
        raise failure


def _begin_the_day(lease: Lease) -> None:
    """Let libanki do what it does once a day, so that no read finds that it has to."""
    lease.collection.restore_buried_cards()
    if _is_modified(lease):
        lease.note_commit(read_committed_state(lease.collection))


def _let_a_millisecond_pass(modified: int) -> None:
    """Wait until a change gets another time (ms) than the last one.

    Devices take equal times for "nothing to do", and libanki does not look at the time that is
    there already. A time in the future, of a device whose clock is wrong, is another one anyway.
    """
    for _ in range(MOST_WAITS):
        if time.time_ns() // 1_000_000 != modified:
            return
        time.sleep(WAIT_SECONDS)


def _is_modified(lease: Lease) -> bool:
    """Tell whether libanki has changed anything since the last commit: each change sets `mod`."""
    return bool(lease.collection.scalar("select mod from col") != lease.committed.modified)


def _end(lease: Lease, work: Work) -> None:
    collection = lease.collection
    if not work.change:
        if _is_modified(lease):
            raise ReadHasChanged
        collection.roll_back()
        return
    after = read_committed_state(collection)
    if after.schema_modified != lease.committed.schema_modified and not work.allow_full_sync:
        raise NeedsFullSync
    collection.commit_objects()
    lease.note_commit(read_committed_state(collection))


def _roll_back(lease: Lease) -> None:
    if _is_modified(lease):
        # Closed, because libanki would still offer to undo what was rolled back.
        lease.close_collection()
    else:
        lease.collection.roll_back()
