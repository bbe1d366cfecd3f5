"""The state of one sync in progress, from `start` to `finish`."""

from array import array
from dataclasses import dataclass, field
from typing import TypeAlias

from syncserver.collections.lease import Lease
from syncserver.protocol.messages import Graves
from syncserver.sync.row_counts import RowCounts
from syncserver.sync_record import Tally

# Eight bytes for each: a device that was away for long has tens of thousands of rows to come.
RowIds: TypeAlias = "array[int]"


@dataclass(frozen=True, slots=True)
class NotetypeLayout:
    """What the rows of a note depend on: how many fields, and which one is sorted by."""

    field_count: int
    sort_field: int


@dataclass(slots=True)
class SyncSession:
    """A sync in progress; its changes live in the collection's open transaction.

    `server_usn` stamps all that the client sends, so that no other device can miss it.
    Objects with a usn of at least `client_usn` are new to the client.
    """

    server_usn: int
    client_usn: int
    client_is_newer: bool
    # Ids of rows that the client still has to be sent, by table.
    to_send: dict[str, RowIds] | None = None
    layouts: dict[int, NotetypeLayout] = field(default_factory=dict)
    # Rows of the large tables as this sync will leave them; None when they have to be counted.
    counts: RowCounts | None = None
    # Which of libanki's caches are stale, because tables were written that it keeps in memory.
    objects_stale: bool = False
    timing_stale: bool = False
    tally: Tally = field(default_factory=Tally)
    # What was deleted, for as long as nothing else was done and all of it could be repeated.
    may_begin_again: bool = True
    deletions: list[Graves] = field(default_factory=list)

    def is_new_to_client(self, usn: int) -> bool:
        """Tell whether an object with this usn was changed since the client's last sync."""
        return usn == -1 if self.client_usn == -1 else usn >= self.client_usn

    @property
    def new_to_client(self) -> str:
        """SQL that is true for rows that the client has not seen; its value 1 is `client_usn`."""
        return "usn = ?1" if self.client_usn == -1 else "usn >= ?1"

    @property
    def unchanged_since_client(self) -> str:
        """SQL that is true for a stored usn which the client has seen; takes `client_usn`."""
        return "usn <> ?" if self.client_usn == -1 else "usn < ?"


def current_session(lease: Lease) -> SyncSession:
    """Return the session that the resumed lease carries."""
    session = lease.sync_state
    assert isinstance(session, SyncSession)  # noqa: S101 - only start() reserves a collection
    return session
