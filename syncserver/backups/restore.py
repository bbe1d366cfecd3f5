"""Bring a restore point back: it replaces the collection as an upload does, and devices see it.

Every device downloads afterwards, and gets the media that came back as ordinary changes.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import structlog
import zstandard

from syncserver import events
from syncserver.backups.manifest import Manifest, MediaFile, read_manifest, read_media_list
from syncserver.backups.media_state import MediaRestored, bring_back
from syncserver.backups.packing import (
    PART_SIZE,
    SnapshotDamaged,
    Step,
    check_bytes,
    checked_contents,
    unpacked,
)
from syncserver.backups.service import RestorePoints
from syncserver.backups.store_failures import StoreFailed
from syncserver.collections import restore_points
from syncserver.collections.committed import CommittedState
from syncserver.collections.folders import UserFolder
from syncserver.collections.lease import Lease
from syncserver.collections.libanki_errors import CollectionDamaged
from syncserver.collections.restore_points import RestorePoint
from syncserver.errors import SyncServerError
from syncserver.media.index import IndexUnusable
from syncserver.media.single_files import put_file
from syncserver.sync.collection_file import Holdings, opened
from syncserver.sync.full_upload import Candidate, replace_collection
from syncserver.sync.new_stamps import look_new

# What may be wrong with media, here or in the store, when the collection is as it should be.
TROUBLE_WITH_MEDIA: Final = (IndexUnusable, OSError, StoreFailed, SyncServerError)
# Stands for the newest point that there is.
NEWEST: Final = "newest"

log = structlog.get_logger()


class NotRestorable(Exception):
    """There is no such restore point, or it cannot be used; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and what became of the media: nothing if it is not known what they were."""

    snapshot: str
    notes: int
    reviews: int
    media: MediaRestored
    media_known: bool


def find_point(service: RestorePoints, folder: str, name: str) -> RestorePoint:
    """Return the point whose id begins with `name`, or the newest one for `newest`.

    One that is not here is fetched from the off-site copies. Raises NotRestorable.
    """
    points = service.points(folder)
    found = points[-1:] if name == NEWEST else [one for one in points if one.id.startswith(name)]
    if not found and name:
        fetched = fetched_point(service, folder, name)
        found = [] if fetched is None else [fetched]
    if len(found) != 1:
        reason = "there is no restore point" if not found else "several restore points begin with"
        raise NotRestorable(f"{reason} {name!r}")
    return found[0]


def fetched_point(service: RestorePoints, folder: str, name: str) -> RestorePoint | None:
    """Fetch a point from the off-site copies, None if it is not there. Raises NotRestorable."""
    if service.offsite is None:
        return None
    try:
        return service.offsite.fetch(service.folder(folder), name)
    except StoreFailed as problem:
        raise NotRestorable(str(problem)) from None


def restore(
    service: RestorePoints,
    folder: str,
    point: RestorePoint,
    step: Step,
    *,
    media_first: bool = False,
) -> Restored:
    """Put a point in the place of a user's collection, which becomes a point itself.

    Media that cannot be brought back are told of, and keep nothing from being restored; with
    `media_first` they do, so that it can be tried again. Raises NotRestorable, SyncConflict while
    somebody syncs for too long, DiskFull, ServerBusy.
    """
    media: MediaRestored | None = None
    with sound_copy(service.folder(folder), point, step) as (copy, manifest):
        files = _media_files(point)
        if media_first:
            media = _bring_media_back(service, folder, files)
            if media.problem is not None:
                raise NotRestorable(f"media: {media.problem}")
        _replace_collection(service, folder, copy, manifest)
    log.warning(events.COLLECTION_RESTORED, folder=folder, snapshot=point.id, notes=manifest.notes)
    media = media or _bring_media_back(service, folder, files)
    return Restored(point.id, manifest.notes, manifest.reviews, media, manifest.media_known)


def _replace_collection(
    service: RestorePoints, folder: str, copy: Path, manifest: Manifest
) -> None:
    with service.collections.lease(folder) as lease:
        with opened(copy) as collection:
            look_new(collection, _head(lease))
        candidate = Candidate(copy, Holdings(manifest.notes, manifest.newest_review))
        replace_collection(lease, candidate, service.settings.backups_keep, restore_points.RESTORE)


def _head(lease: Lease) -> CommittedState | None:
    try:
        return lease.committed
    except CollectionDamaged:
        return None


@contextmanager
def sound_copy(
    folder: UserFolder, point: RestorePoint, step: Step
) -> Iterator[tuple[Path, Manifest]]:
    """Give a checked private copy of a point. Raises NotRestorable, DiskFull."""
    manifest = read_manifest(point)
    if manifest is None or not manifest.sound:
        raise NotRestorable(f"the restore point {point.id} is damaged")
    with ExitStack() as opened_files:
        try:
            check_bytes(point.path, manifest.sha256)
            step()
            copy = opened_files.enter_context(unpacked(point.path, folder, step, manifest.bytes))
            _check_counts(copy, manifest)
        except SnapshotDamaged as problem:
            raise NotRestorable(f"the restore point {point.id} is damaged: {problem}") from problem
        except FileNotFoundError as problem:
            raise NotRestorable(f"the restore point {point.id} is gone") from problem
        step()
        yield copy, manifest


def _check_counts(copy: Path, manifest: Manifest) -> None:
    contents = checked_contents(copy)
    counted = (contents.notes, contents.cards, contents.reviews)
    if counted != (manifest.notes, manifest.cards, manifest.reviews):
        raise SnapshotDamaged(f"it holds {counted} notes, cards and reviews")


def _media_files(point: RestorePoint) -> list[MediaFile]:
    try:
        return list(read_media_list(point.media_list))
    except (zstandard.ZstdError, msgspec.MsgspecError) as problem:
        text = f"the list of media of the restore point {point.id} is damaged"
        raise NotRestorable(text) from problem


def _bring_media_back(service: RestorePoints, folder: str, files: list[MediaFile]) -> MediaRestored:
    """Bring back what can be; whatever goes wrong is told, as the collection is there by then."""
    if not files:
        return MediaRestored(0, 0, [])
    try:
        restored = bring_back(service.media, folder, files)
    except TROUBLE_WITH_MEDIA as problem:
        return MediaRestored(0, 0, [], _words(problem))
    missing = set(restored.missing)
    fetched, trouble = _fetch_media(service, folder, [one for one in files if one.name in missing])
    return MediaRestored(
        restored.unchanged,
        restored.brought_back + len(fetched),
        [name for name in restored.missing if name not in fetched],
        trouble,
    )


def _fetch_media(
    service: RestorePoints, folder: str, files: list[MediaFile]
) -> tuple[set[str], str | None]:
    """Fetch files from the off-site copies; return the names of those that were there, and trouble.

    After the first trouble no more are asked for.
    """
    fetched: set[str] = set()
    if service.offsite is None:
        return fetched, None
    try:
        for file in files:
            with service.offsite.media_file(service.folder(folder), file) as path:
                if path is not None:
                    _put(service, folder, file.name, path)
                    fetched.add(file.name)
    except TROUBLE_WITH_MEDIA as problem:
        return fetched, _words(problem)
    return fetched, None


def _words(problem: Exception) -> str:
    if isinstance(problem, SyncServerError):
        return problem.cause or problem.public_text
    return str(problem)


def _put(service: RestorePoints, folder: str, name: str, path: Path) -> None:
    with path.open("rb") as content:
        parts = iter(partial(content.read, PART_SIZE), b"")
        put_file(service.media, service.settings, folder, (name, parts), replace=True)
