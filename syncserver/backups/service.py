"""The restore points of one data root: what others call. One object, shared by all threads."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from syncserver import events
from syncserver.backups.manifest import (
    Manifest,
    Stamp,
    read_manifest,
    stamp_of,
    write_manifest,
)
from syncserver.backups.offsite import Offsite
from syncserver.backups.packing import SnapshotDamaged, Step
from syncserver.backups.snapshots import PresentPoint, SnapshotMaker
from syncserver.collections import restore_points
from syncserver.collections.folders import UserFolder
from syncserver.collections.lease import Collections, Lease
from syncserver.collections.restore_points import RestorePoint
from syncserver.collections.retention import SCHEDULE, Limits
from syncserver.errors import DiskFull, ServerBusy
from syncserver.media.library import Libraries
from syncserver.settings import Settings

# A private copy, what it is compressed to, and the copy that is unpacked again to be checked: never
# all three at once, and the compressed one is rarely half as large.
COPIES_AT_ONCE: Final = 2

log = structlog.get_logger()


class RestorePoints:
    """Takes, lists and thins out the restore points of all users."""

    def __init__(
        self,
        settings: Settings,
        collections: Collections,
        media: Libraries,
        offsite: Offsite | None,
    ) -> None:
        self._settings = settings
        self._maker = SnapshotMaker(collections, media)
        self.collections = collections
        self.media = media
        self.offsite = offsite
        # The stamp of the collection that was kept last before a deletion, by the user's folder.
        self._kept_before: dict[str, Stamp] = {}
        # Set when there is a new point, for whoever sends it away.
        self.taken = threading.Event()

    @property
    def settings(self) -> Settings:
        """The options."""
        return self._settings

    def folder(self, folder: str) -> UserFolder:
        """Return where a user's files lie."""
        return UserFolder(self._settings.users_folder / folder)

    def folders(self) -> list[str]:
        """Return the folders of all users."""
        folders = self._settings.users_folder.iterdir()
        return sorted(one.name for one in folders if not one.name.startswith("."))

    def points(self, folder: str) -> list[RestorePoint]:
        """Return a user's restore points, the oldest first."""
        return restore_points.restore_points(self.folder(folder))

    def newest(self, folder: str) -> datetime | None:
        """Return when a user's newest point was taken (UTC), None if there is none."""
        return restore_points.newest_point(self.folder(folder))

    def take(
        self, folder: str, reason: str, *, pinned: bool = False, step: Step = lambda: None
    ) -> PresentPoint | None:
        """Take a point of a user's collection now, outside of the caller's lease.

        None if the collection is empty. If the newest point has it already, that is returned, and
        pinned if that is asked for. `reason` is a word of small letters. Raises SnapshotDamaged,
        SyncConflict while a sync does not end, ServerBusy, DiskFull (below `snapshots_min_free` too);
        the first and the last are logged.
        """
        with _explained(folder, reason):
            self._check_room(self.folder(folder))
            present = self._maker.take(self.folder(folder), reason, pinned=pinned, step=step)
        if present is not None and present.is_new:
            self._tell(folder, present.point)
        elif pinned:
            self.taken.set()  # its copy off-site has to follow
        return present

    def take_before(self, folder: str, reason: str) -> None:
        """Take a point before a change, which goes on even if there can be none (see the log).

        Raises SyncConflict.
        """
        try:
            self.take(folder, reason)
        except SnapshotDamaged:
            return
        except ServerBusy as problem:
            # Whoever deletes because the disk is full must not be kept from it.
            if not isinstance(problem, DiskFull):
                log.warning(events.SNAPSHOT_POSTPONED, folder=folder, problem=problem.public_text)

    def keep_before_deleting(self, lease: Lease) -> None:
        """Make a point of a closed collection, under its lease, before a device deletes much of it.

        Somebody waits for that, so it is a copy, which is compressed and checked later. The
        deletion goes on even if there can be none (see the log).
        """
        folder = lease.folder
        name, reason = folder.path.name, restore_points.DELETION
        stamp = stamp_of(folder.collection)
        if stamp is not None and self._kept_before.get(name) == stamp:
            return  # a device that tries again and again must not push everything else out
        with suppress(SnapshotDamaged, DiskFull), _explained(name, reason):
            if stamp is None:  # a copy would lack its log
                raise SnapshotDamaged("the collection could not be closed")
            self._check_room(folder)
            try:
                restore_points.keep_copy(folder, keep=self._settings.backups_keep, reason=reason)
            except OSError as problem:
                raise SnapshotDamaged(str(problem)) from problem
            self._kept_before[name] = stamp

    def take_scheduled(self, folder: str, step: Step) -> PresentPoint | None:
        """Take a point unless the files alone tell that nothing has changed. Raises as `take`."""
        if self._maker.is_unchanged(self.folder(folder)):
            return None
        return self.take(folder, SCHEDULE, step=step)

    def complete(self, folder: str, step: Step = lambda: None) -> None:
        """Compress and check the points that replacements have made; unsound ones are marked."""
        for point in self.points(folder):
            if not point.packed and read_manifest(point) is None:
                self._complete_one(folder, point, step)

    def has_room(self) -> bool:
        """Tell whether there is so much free disk space that points are taken at all."""
        free = shutil.disk_usage(self._settings.users_folder).free
        return free >= self._settings.snapshots_min_free

    def _complete_one(self, folder: str, point: RestorePoint, step: Step) -> None:
        try:
            with _explained(folder, point.reason):
                self._check_room(self.folder(folder))
                self._tell(folder, self._maker.complete(self.folder(folder), point, step))
        except SnapshotDamaged:
            write_manifest(point, _unsound(point.path))
        except FileNotFoundError:
            return  # it was removed meanwhile, as too many others came

    def _tell(self, folder: str, point: RestorePoint) -> None:
        manifest = read_manifest(point)
        if manifest is not None:
            log.info(
                events.SNAPSHOT_TAKEN,
                folder=folder,
                snapshot=point.id,
                reason=point.reason,
                notes=manifest.notes,
                bytes=manifest.stored_bytes,
            )
        for old in restore_points.thin_out(self.folder(folder), limits(self._settings), point):
            log.debug(events.SNAPSHOT_REMOVED, folder=folder, snapshot=old.id)
        self.taken.set()

    def _check_room(self, folder: UserFolder) -> None:
        stamp = stamp_of(folder.collection)
        size = stamp[1] if stamp else _size(folder.collection)
        free = shutil.disk_usage(self._settings.users_folder).free
        if free < self._settings.snapshots_min_free + COPIES_AT_ONCE * size:
            text = "There is too little room for a restore point."
            raise DiskFull(text, cause=f"{free} bytes are free; see snapshots_min_free")


def limits(settings: Settings) -> Limits:
    """Return how many points of each user the options keep."""
    return Limits(
        recent=settings.snapshots_recent,
        daily=settings.snapshots_daily,
        weekly=settings.snapshots_weekly,
        monthly=settings.snapshots_monthly,
        before_changes=settings.backups_keep,
    )


@contextmanager
def _explained(folder: str, reason: str) -> Iterator[None]:
    try:
        yield
    except SnapshotDamaged as problem:
        log.error(events.SNAPSHOT_FAILED, folder=folder, reason=reason, problem=str(problem))  # noqa: TRY400 - foreseen
        raise
    except DiskFull as problem:
        log.error(events.SNAPSHOT_FAILED, folder=folder, reason=reason, problem=problem.cause)  # noqa: TRY400 - foreseen
        raise


def _unsound(path: Path) -> Manifest:
    size = _size(path)
    return Manifest(
        sound=False,
        notes=0,
        cards=0,
        reviews=0,
        newest_review=0,
        modified=0,
        schema_modified=0,
        usn=0,
        bytes=size,
        stored_bytes=size,
        sha256="",
        media_files=0,
        media_bytes=0,
        media_usn=0,
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
