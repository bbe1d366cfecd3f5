"""The restore points of a user as files: their names, which there are, which ones go.

backups/collection-<time>.<reason>[.pinned].anki2.zst   a collection, checked and compressed
backups/collection-<time>.<reason>[.pinned].anki2       one just replaced, not looked at yet
backups/collection-<time>.json, .media.zst, .offsite    what is known of it: counts, the list of its
                                                        media, in which store it lies too

A point exists as soon as its collection has its name, and no longer: what describes it is written
before that and removed after it. The commonest way to lose a collection is the wrong 'Upload' on
a device, so what held more than its replacement is pinned: it is never removed automatically.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from syncserver.collections import atomic_files
from syncserver.collections.folders import UserFolder
from syncserver.collections.retention import Limits, superfluous

UPLOAD: Final = "upload"
RESTORE: Final = "restore"
IMPORT: Final = "import"
DELETION: Final = "deletion"
EDIT: Final = "edit"

SUFFIX: Final = ".anki2"
PINNED_SUFFIX: Final = ".pinned.anki2"
PACKED_SUFFIX: Final = ".zst"
TIME_FORMAT: Final = "%Y%m%dT%H%M%S.%fZ"
# Points of the time before reasons were noted are those of uploads.
NAME: Final = re.compile(
    r"collection-(?P<id>\d{8}T\d{6}\.\d{6}Z)(?:\.(?!pinned\.)(?P<reason>[a-z]+))?"
    r"(?P<pinned>\.pinned)?\.anki2(?P<packed>\.zst)?"
)
SIDE_FILE: Final = re.compile(
    r"collection-(?P<id>\d{8}T\d{6}\.\d{6}Z)\.(json|media\.zst|offsite|anki2-wal)"
)


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """One restore point: `id` is its time as in its name, `packed` whether it is compressed."""

    id: str
    reason: str
    pinned: bool
    packed: bool
    path: Path

    @property
    def taken_at(self) -> datetime:
        """When it was taken (UTC)."""
        return datetime.strptime(self.id, TIME_FORMAT).replace(tzinfo=timezone.utc)

    @property
    def manifest(self) -> Path:
        """The file that says what is in it."""
        return self._side_file("json")

    @property
    def media_list(self) -> Path:
        """The file that lists the media of its time."""
        return self._side_file("media.zst")

    @property
    def offsite_mark(self) -> Path:
        """The file that says that it lies off-site too."""
        return self._side_file("offsite")

    def remove(self) -> None:
        """Remove it; a crash leaves files that `remove_strays` knows as such."""
        self.path.unlink(missing_ok=True)
        for name in (self.offsite_mark, self.manifest, self.media_list):
            name.unlink(missing_ok=True)
        self.path.with_name(f"{self.path.name}-wal").unlink(missing_ok=True)

    def _side_file(self, suffix: str) -> Path:
        return self.path.with_name(f"collection-{self.id}.{suffix}")


def new_point(folder: UserFolder, reason: str, *, pinned: bool, packed: bool) -> RestorePoint:
    """Return a point that is taken now and does not exist yet; makes the folder for it."""
    folder.prepare_backups()
    return named_point(folder, _now(), reason, pinned=pinned, packed=packed)


def named_point(
    folder: UserFolder, point_id: str, reason: str, *, pinned: bool, packed: bool
) -> RestorePoint:
    """Return the point of this id and reason, which need not exist."""
    suffix = (PINNED_SUFFIX if pinned else SUFFIX) + (PACKED_SUFFIX if packed else "")
    path = folder.backups / f"collection-{point_id}.{reason}{suffix}"
    return RestorePoint(point_id, reason, pinned, packed, path)


def restore_points(folder: UserFolder) -> list[RestorePoint]:
    """Return a user's points, the oldest first."""
    if not folder.backups.exists():
        return []
    found: dict[str, RestorePoint] = {}
    for path in sorted(folder.backups.iterdir()):
        match = NAME.fullmatch(path.name)
        if match:  # of two with one name, after a crash, the compressed one comes last
            reason = match["reason"] or UPLOAD
            packed, pinned = bool(match["packed"]), bool(match["pinned"])
            found[match["id"]] = RestorePoint(match["id"], reason, pinned, packed, path)
    return [found[point_id] for point_id in sorted(found)]


def readable_points(folder: UserFolder) -> list[RestorePoint]:
    """Return a user's points, the oldest first; none if they are being removed or unreadable."""
    try:
        return restore_points(folder)
    except OSError:
        return []


def newest_point(folder: UserFolder) -> datetime | None:
    """Return when a user's newest point was taken (UTC), None if there is none."""
    points = restore_points(folder)
    return points[-1].taken_at if points else None


def pin(folder: UserFolder, point: RestorePoint) -> RestorePoint:
    """Let a point never be removed automatically, and return it as it is named from then on.

    Raises FileNotFoundError if it is gone.
    """
    pinned = named_point(folder, point.id, point.reason, pinned=True, packed=point.packed)
    atomic_files.replace(point.path, pinned.path)
    return pinned


def keep_replaced(folder: UserFolder, *, pinned: bool, reason: str = UPLOAD) -> RestorePoint:
    """Make a point of the user's closed collection, which is about to be replaced.

    Once it has been, `make_way` removes older ones: they would be lost for nothing if that failed.
    """
    point = new_point(folder, reason, pinned=pinned, packed=False)
    atomic_files.keep_as(folder.collection, point.path)
    _move_write_ahead_log(folder.collection, point.path)
    return point


def keep_copy(folder: UserFolder, *, keep: int, reason: str) -> RestorePoint:
    """Make a point of the user's closed collection, which stays and is going to be changed.

    As quickly as can be: it is compressed and checked later. Raises DiskFull.
    """
    point = new_point(folder, reason, pinned=False, packed=False)
    with atomic_files.temporary_file(folder.temporary) as copy:
        atomic_files.copy(folder.collection, copy)
        atomic_files.hand_in(copy, point.path)
    make_way(folder, point, keep)
    return point


def make_way(folder: UserFolder, new: RestorePoint, keep: int) -> None:
    """Remove the oldest points of the reason of a new one that are not pinned, but `keep`.

    The new one stays: where the clock was set back, it is not the newest by its name.
    """
    others = [
        one
        for one in restore_points(folder)
        if one.reason == new.reason and not one.pinned and one.id != new.id
    ]
    for old in others[: max(0, len(others) + int(not new.pinned) - keep)]:
        old.remove()


def thin_out(folder: UserFolder, limits: Limits, just_taken: RestorePoint) -> list[RestorePoint]:
    """Remove the points that the limits do not keep, and return them; `just_taken` stays.

    Where the clock was set back, it looks like the oldest.
    """
    found = superfluous(restore_points(folder), limits)
    old = [point for point in found if point.id != just_taken.id]
    for point in old:
        point.remove()
    return old


def remove_strays(folder: UserFolder) -> None:
    """Remove what a crash has left of points that do not exist, or exist in a better form."""
    points = {point.id: point for point in restore_points(folder)}
    for path in folder.backups.glob("collection-*"):
        match = NAME.fullmatch(path.name) or SIDE_FILE.fullmatch(path.name)
        point = points.get(match["id"]) if match else None
        is_older_form = point and NAME.fullmatch(path.name) and path != point.path
        if match and (point is None or is_older_form):
            path.unlink(missing_ok=True)


def mark_offsite(point: RestorePoint, place: str) -> None:
    """Note that a copy of the point lies off-site, and where; not if the point is gone."""
    with atomic_files.temporary_file(point.path.parent) as mark:
        atomic_files.write_parts(mark, [place.encode()])
        if point.path.exists():
            atomic_files.replace(mark, point.offsite_mark)


def drop_unfinished(folder: UserFolder) -> None:
    """Drop the second name of a collection whose replacement a crash prevented.

    The collection would be changed in place under both names, and such a point is none.
    """
    collection = folder.collection.stat()
    if collection.st_nlink == 1:
        return
    for backup in folder.backups.glob(f"*{SUFFIX}"):
        if backup.samefile(folder.collection):
            backup.unlink()


def _now() -> str:
    return datetime.now(timezone.utc).strftime(TIME_FORMAT)


def _move_write_ahead_log(collection: Path, backup: Path) -> None:
    """Keep the log of a collection too damaged to be opened, and so to be closed, with it.

    Beside the collection's replacement it would corrupt that.
    """
    write_ahead_log = collection.with_name(f"{collection.name}-wal")
    if write_ahead_log.exists():
        write_ahead_log.replace(backup.with_name(f"{backup.name}-wal"))
