"""`upload`: a client's whole collection takes the place of the stored one, whole or not at all."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from syncserver import events
from syncserver.collections import atomic_files, restore_points
from syncserver.collections.folders import UserFolder
from syncserver.collections.lease import Lease
from syncserver.collections.libanki import LibankiCollection
from syncserver.collections.libanki_errors import CollectionDamaged
from syncserver.collections.restore_points import RestorePoint
from syncserver.sync.collection_file import Holdings, holdings, validated_collection

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A validated collection in a temporary file, and what it holds."""

    path: Path
    holdings: Holdings


@contextmanager
def received_collection(folder: UserFolder, body: Iterable[bytes]) -> Iterator[Candidate]:
    """Write the parts of `body` to a temporary file and validate it; no lease is needed for that.

    A slow client so never holds a lock. Raises UploadRefused, DiskFull, and what `body` raises.
    """
    folder.prepare()
    with atomic_files.temporary_file(folder.temporary) as path:
        atomic_files.write_parts(path, body)
        yield Candidate(path, validated_collection(path))


def replace_collection(
    lease: Lease, candidate: Candidate, backups_keep: int, reason: str = restore_points.UPLOAD
) -> None:
    """Put `candidate` in the stored collection's place, which becomes a restore point.

    When this returns it is on disk; who calls this says in the log what it was. A stored collection
    that holds more notes or newer reviews than what replaces it is pinned and logged as a warning,
    unless that is a restore: somebody may have clicked the wrong button.
    """
    kept = None
    if lease.folder.collection.exists():
        kept = _keep_stored(lease, candidate, reason)
    else:
        lease.folder.remove_logs_of_nothing()
    try:
        atomic_files.replace(candidate.path, lease.folder.collection)
    finally:
        lease.forget_committed()
    if kept is not None:
        restore_points.make_way(lease.folder, kept, backups_keep)


def _keep_stored(lease: Lease, candidate: Candidate, reason: str) -> RestorePoint | None:
    """Make a restore point of the stored collection, and return it; None if that holds nothing."""
    stored = _stored_holdings(lease)
    # Closing folds the write-ahead log in; one left beside the new file would corrupt it.
    lease.close_collection()
    loses = stored is None or stored.exceed(candidate.holdings)
    pinned = loses and reason != restore_points.RESTORE
    if stored == Holdings(notes=0, newest_review=0):
        return None
    kept = restore_points.keep_replaced(lease.folder, pinned=pinned, reason=reason)
    if pinned:
        log.warning(
            events.BACKUP_PINNED,
            backup=kept.path.name,
            stored_notes=stored.notes if stored else None,
            uploaded_notes=candidate.holdings.notes,
        )
    return kept


def _stored_holdings(lease: Lease) -> Holdings | None:
    """Return what the stored collection holds, None when it is too damaged to tell."""
    if lease.is_damaged:
        return None
    try:
        collection: LibankiCollection = lease.collection
        return holdings(collection)
    except CollectionDamaged:
        return None
