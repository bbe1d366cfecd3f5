"""Make restore points: copy under the lease, then compress, check and list without it.

Only what has passed its check gets its name. A collection that an upload has replaced lies among
the points at once, by a second name for its bytes; it is compressed and checked later.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from syncserver import events
from syncserver.backups.manifest import (
    Manifest,
    Stamp,
    read_manifest,
    sha256_of,
    stamp_of,
    write_manifest,
    write_media_list,
)
from syncserver.backups.media_state import MediaState, media_state
from syncserver.backups.packing import (
    Contents,
    SnapshotDamaged,
    Step,
    checked_contents,
    pack,
    unpacked,
)
from syncserver.collections import atomic_files
from syncserver.collections.folders import UserFolder
from syncserver.collections.lease import Collections, Lease
from syncserver.collections.libanki_errors import CollectionDamaged
from syncserver.collections.restore_points import (
    RestorePoint,
    named_point,
    new_point,
    pin,
    restore_points,
)
from syncserver.errors import ServerBusy
from syncserver.media.folders import MediaFolder
from syncserver.media.index import IndexUnusable
from syncserver.media.library import Libraries

UNKNOWN_MEDIA = MediaState([], 0, None, known=False)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class PresentPoint:
    """A point of what is stored now: a new one, or the newest one, which has the same."""

    point: RestorePoint
    is_new: bool


class SnapshotMaker:
    """Makes points out of the collections and media of one data root."""

    def __init__(self, collections: Collections, media: Libraries) -> None:
        self._collections = collections
        self._media = media

    def is_unchanged(self, folder: UserFolder) -> bool:
        """Tell from the files alone whether the newest point is of what is stored now."""
        newest = newest_sound(folder)
        if newest is None or newest[1].collection_stamp is None:
            return False
        index = MediaFolder(folder).index
        media_stamp = stamp_of(index)
        return newest[1].collection_stamp == stamp_of(folder.collection) and (
            not index.exists() or (media_stamp is not None and newest[1].media_stamp == media_stamp)
        )

    def take(
        self, folder: UserFolder, reason: str, *, pinned: bool, step: Step
    ) -> PresentPoint | None:
        """Make a point of a user's collection unless the newest has it; None if it is empty.

        One that is there already is pinned too if a pinned one is asked for.
        Raises SyncConflict when a sync does not end, SnapshotDamaged, DiskFull, ServerBusy,
        FileNotFoundError if the user is removed meanwhile.
        """
        if not folder.collection.exists():
            return None
        media = self._media_state(folder)
        with _private_copy(self._collections, folder, media) as copied:
            if isinstance(copied, RestorePoint):
                same = pin(folder, copied) if pinned and not copied.pinned else copied
                return PresentPoint(same, is_new=False)
            with _packed(copied, step) as (packed, manifest):
                if not manifest.notes and not manifest.reviews:
                    return None
                point = new_point(folder, reason, pinned=pinned, packed=True)
                return PresentPoint(_store(point, packed, manifest, media), is_new=True)

    def complete(self, folder: UserFolder, point: RestorePoint, step: Step) -> RestorePoint:
        """Compress and check a point that a replacement has made. Raises as `take` does."""
        if folder.collection.exists() and point.path.samefile(folder.collection):
            return point  # it is only about to be replaced
        if point.path.with_name(f"{point.path.name}-wal").exists():
            raise SnapshotDamaged("it could not be closed when it was replaced")
        media = self._media_state(folder)
        with _packed(_Source(folder, point.path, None, media), step) as (packed, manifest):
            stored = named_point(folder, point.id, point.reason, pinned=point.pinned, packed=True)
            _store(stored, packed, manifest, media)
        point.path.unlink()
        return stored

    def _media_state(self, folder: UserFolder) -> MediaState:
        try:
            return media_state(self._media, folder.path.name)
        except (IndexUnusable, sqlite3.DatabaseError) as problem:
            log.warning(events.MEDIA_UNUSABLE, folder=folder.path.name, problem=str(problem))
            return UNKNOWN_MEDIA  # the cards must not go without a copy for that


@dataclass(frozen=True, slots=True)
class _Source:
    """What a point is made of: a closed private file, and the stamp of what it is a copy of."""

    folder: UserFolder
    path: Path
    stamp: Stamp | None
    media: MediaState


@contextmanager
def _packed(source: _Source, step: Step) -> Iterator[tuple[Path, Manifest]]:
    """Give a temporary compressed file whose unpacked bytes have passed their check."""
    size = source.path.stat().st_size
    source.folder.prepare_temporary()
    with atomic_files.temporary_file(source.folder.temporary) as packed:
        pack(source.path, packed, step)
        with unpacked(packed, source.folder, step, size) as again:
            contents = checked_contents(again)
        step()
        yield packed, _manifest(contents, packed, size, source)


def _store(
    point: RestorePoint, packed: Path, manifest: Manifest, media: MediaState
) -> RestorePoint:
    """Make a point of a checked file: it exists from the last step on."""
    write_media_list(point, media.files)
    write_manifest(point, manifest)
    atomic_files.replace(packed, point.path)
    return point


def newest_sound(folder: UserFolder) -> tuple[RestorePoint, Manifest] | None:
    """Return a user's newest point that has passed its check, and what is known of it."""
    for point in reversed(restore_points(folder)):
        manifest = read_manifest(point)
        # One that is not compressed yet is about to get another name.
        if point.packed and manifest is not None and manifest.sound:
            return point, manifest
    return None


@contextmanager
def _private_copy(
    collections: Collections, folder: UserFolder, media: MediaState
) -> Iterator[_Source | RestorePoint]:
    """Give a copy of a user's collection, or the newest point if that has the same.

    The lease is held for the copy alone.
    """
    folder.prepare_temporary()
    with atomic_files.temporary_file(folder.temporary) as copy:
        try:
            with collections.borrow(folder.path.name) as lease:
                same = _newest_if_same(lease, media)
                stamp = None if same else _copy_closed(lease, copy)
        except CollectionDamaged as problem:
            raise SnapshotDamaged(str(problem)) from problem
        yield same or _Source(folder, copy, stamp, media)


def _newest_if_same(lease: Lease, media: MediaState) -> RestorePoint | None:
    newest = newest_sound(lease.folder)
    if newest is None:
        return None
    point, manifest = newest
    head = lease.committed
    then = (manifest.modified, manifest.schema_modified, manifest.usn)
    media_then = (manifest.media_known, manifest.media_usn)
    now = (head.modified, head.schema_modified, head.usn)
    return point if (then, media_then) == (now, (media.known, media.usn)) else None


def _copy_closed(lease: Lease, copy: Path) -> Stamp:
    """Copy the file after closing it: its log is folded in then, and nobody's lock is lost.

    Any reader of an open file would drop SQLite's locks on it when it is done.
    """
    lease.close_collection()
    stamp = stamp_of(lease.folder.collection)
    if stamp is None:
        raise ServerBusy("The collection could not be closed.")  # a copy would lack its log
    atomic_files.copy(lease.folder.collection, copy)
    return stamp


def _manifest(contents: Contents, packed: Path, size: int, source: _Source) -> Manifest:
    return Manifest(
        sound=True,
        notes=contents.notes,
        cards=contents.cards,
        reviews=contents.reviews,
        newest_review=contents.newest_review,
        modified=contents.modified,
        schema_modified=contents.schema_modified,
        usn=contents.usn,
        bytes=size,
        stored_bytes=packed.stat().st_size,
        sha256=sha256_of(packed),
        media_files=len(source.media.files),
        media_bytes=sum(file.size for file in source.media.files),
        media_usn=source.media.usn,
        collection_stamp=source.stamp,
        media_stamp=source.media.stamp,
        media_known=source.media.known,
    )
