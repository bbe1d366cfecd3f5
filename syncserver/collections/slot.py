"""What the process holds of one user's collection between the leases."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import structlog

from syncserver import events, metrics, one_processor
from syncserver.collections import atomic_files, restore_points
from syncserver.collections.committed import CommittedState, read_committed_state
from syncserver.collections.damage import Damage, check_not_emptied
from syncserver.collections.folders import UserFolder
from syncserver.collections.libanki import LibankiCollection
from syncserver.collections.libanki_errors import CollectionDamaged
from syncserver.collections.page_cache import forget_pages
from syncserver.sync_record import Outcome, Who

# How long what was read of a collection stays in memory when it is not used: a device goes on with
# its next request, or its media, at once.
PAGES_KEPT_SECONDS: Final = 2.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the host key that was used (one per device) and the session key of this sync.

    Whose key it is and by which client it was used is told to the journal only.
    """

    key_id: int
    session_key: str
    user_id: int = field(default=0, compare=False)
    client: str = field(default="", compare=False)

    @property
    def who(self) -> Who:
        """Whose device this is, for the journal."""
        return Who(self.user_id, self.key_id, self.client)


@dataclass(slots=True)
class Reservation:
    """A sync in progress: whose it is, the engine's state of it, when it was last heard of."""

    caller: Caller
    state: object
    begun: float
    last_heard: float


# Told of each sync that began: how it ended, and why if it failed. It must be quick.
OnSyncEnd = Callable[[Reservation, Outcome, str], None]


@dataclass(slots=True)
class Slot:
    """All that the process holds of one user's collection; guarded by its own condition."""

    folder: UserFolder
    on_sync_end: OnSyncEnd
    condition: threading.Condition = field(default_factory=threading.Condition)
    busy: bool = False
    busy_since: float = 0.0
    collection: LibankiCollection | None = None
    reservation: Reservation | None = None
    committed: CommittedState | None = None
    # Of libanki's messages and reports.
    language: str = "en"
    last_used: float = 0.0
    # The `last_used` after which the memory of what was read was given back.
    pages_forgotten: float = 0.0
    # What libanki or SQLite complained of; None for a collection that nobody complained of.
    damage: Damage | None = None
    # Set when the user's files are gone, for whoever still waits for them.
    removed: bool = False
    # The schema times that `meta` told to each caller, for the check at its `start`.
    told_schema: OrderedDict[Caller, int] = field(default_factory=OrderedDict)

    def open(self) -> LibankiCollection:
        """Return the open collection, opening or creating the file if need be."""
        if self.collection is None:
            one_processor.spread()
            self.folder.prepare()
            if self.folder.collection.exists():
                check_not_emptied(self.folder.collection)
                restore_points.drop_unfinished(self.folder)
            else:
                self._make()
            collection = LibankiCollection(self.folder.collection, self.language)
            try:
                self.committed = read_committed_state(collection)
            except BaseException:
                collection.close()
                raise
            self.collection = collection
            log.debug(events.COLLECTION_OPENED)
        return self.collection

    def _make(self) -> None:
        """Make a new collection, whole before it has its name.

        A crash while libanki fills a file leaves it empty, which looks as if it had lost all it held.
        """
        with atomic_files.temporary_file(self.folder.temporary) as path:
            LibankiCollection(path, self.language).close()
            self.folder.remove_logs_of_nothing()
            atomic_files.replace(path, self.folder.collection)

    def occupy(self) -> None:
        """Take the slot for a thread, which holds its condition."""
        self.busy, self.busy_since = True, time.monotonic()

    def end_sync(self, outcome: Outcome, reason: str = "") -> None:
        """Give the reservation up, if there is one, and tell how its sync ended."""
        reservation, self.reservation = self.reservation, None
        if reservation is not None:
            metrics.SYNCS_ENDED[outcome].inc()
            self.on_sync_end(reservation, outcome, reason)

    @property
    def is_idle(self) -> bool:
        """Whether the collection is open and no sync is in progress."""
        return self.collection is not None and self.reservation is None

    def forget_unused_pages(self) -> bool:
        """Give back the memory of what was read of a collection that rests; tell whether it was.

        It is done once after each use, and takes much less than a millisecond.
        """
        with self.condition:
            resting = self.last_used <= time.monotonic() - PAGES_KEPT_SECONDS
            if self.busy or not resting or self.pages_forgotten == self.last_used:
                return False
            if self.collection is None or self.reservation is not None:
                return False
            # Said first: what fails is not tried again in each round.
            self.pages_forgotten = self.last_used
            forget_pages(self.collection)
            return True

    def close(self, outcome: Outcome = Outcome.FAILED, reason: str = "") -> None:
        """Roll an unfinished sync back, which has this outcome then, and close the file."""
        self.end_sync(outcome, reason)
        self.close_file()

    def close_file(self) -> None:
        """Close the file, with its transaction rolled back."""
        collection, self.collection = self.collection, None
        if collection is not None:
            # One that is damaged may not be closed in order; libanki gives it up all the same.
            with suppress(CollectionDamaged):
                collection.close()
            log.debug(events.COLLECTION_CLOSED)
