"""What is going on with the collections at this moment, seen without waiting for anybody's lease."""

import time
from dataclasses import dataclass

from syncserver.collections.lease import Collections
from syncserver.collections.slot import Reservation, Slot


@dataclass(frozen=True, slots=True)
class InUse:
    """One user's collection that is open or being worked on; all times in seconds.

    `lease_seconds` is for how long one request has owned it by now, None if none does.
    """

    folder: str
    is_open: bool
    lease_seconds: float | None
    idle_seconds: float
    sync: Reservation | None


def overview(collections: Collections) -> list[InUse]:
    """Return the collections that are open or in use; a moment later it may be different."""
    now = time.monotonic()
    seen = [_look_at(slot, now) for slot in collections.slots()]
    return [one for one in seen if one.is_open or one.lease_seconds is not None]


def _look_at(slot: Slot, now: float) -> InUse:
    # Each is read once: they change while we look.
    busy, since = slot.busy, slot.busy_since
    return InUse(
        folder=slot.folder.path.name,
        is_open=slot.collection is not None,
        lease_seconds=now - since if busy else None,
        idle_seconds=0.0 if busy else now - slot.last_used,
        sync=slot.reservation,
    )
