"""Put a collection that moves in into a user's place, with the stamps that devices need to see."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncserver.collections import restore_points
from syncserver.collections.committed import CommittedState, read_committed_state
from syncserver.collections.lease import Lease
from syncserver.collections.libanki import LibankiCollection
from syncserver.collections.libanki_errors import CollectionDamaged
from syncserver.sync.collection_file import Holdings, holdings, opened, validated_collection
from syncserver.sync.full_upload import Candidate, replace_collection
from syncserver.sync.new_stamps import look_new
from syncserver.sync.sanity import STAMPED_TABLES

NOTHING: Final = Holdings(notes=0, newest_review=0)


@dataclass(frozen=True, slots=True)
class MovedIn:
    """How many notes there are now, and whether every device has to download them."""

    notes: int
    full_sync: bool
    replaced: bool


def move_in(lease: Lease, candidate: Candidate, backups_keep: int, *, keep_stamps: bool) -> MovedIn:
    """Put a validated candidate in the stored collection's place, which goes to the backups.

    With `keep_stamps` devices that were in step with the candidate go on from there, unless there
    is another collection here already: devices may be in step with that one. Otherwise schema and
    modification time are raised, and every device downloads. Raises CollectionDamaged, DiskFull.
    """
    stored = _stored(lease)
    replaced = stored is not None and stored.holdings != NOTHING
    with opened(candidate.path) as collection:
        same = stored is not None and stored.head == read_committed_state(collection)
        keep_stamps = keep_stamps and (same or not replaced)
        _stamp_pending(collection)
        if not keep_stamps:
            look_new(collection, stored.head if stored else None)
    replace_collection(lease, candidate, backups_keep, restore_points.IMPORT)
    return MovedIn(candidate.holdings.notes, full_sync=not keep_stamps, replaced=replaced)


def validated_candidate(path: Path) -> Candidate:
    """Check the collection at `path` as an upload. Raises UploadRefused."""
    return Candidate(path, validated_collection(path))


@dataclass(frozen=True, slots=True)
class _Stored:
    """The stored collection: None for what cannot be told, because it is damaged."""

    head: CommittedState | None
    holdings: Holdings | None


def _stored(lease: Lease) -> _Stored | None:
    if not lease.folder.collection.exists():
        return None
    try:
        return _Stored(lease.committed, holdings(lease.collection))
    except CollectionDamaged:
        return _Stored(None, None)


def _stamp_pending(collection: LibankiCollection) -> None:
    """Leave nothing that waits for an upload: to every device it is a change of now."""
    for table in STAMPED_TABLES:
        collection.execute(f"update {table} set usn = max((select usn from col), 0) where usn < 0")
