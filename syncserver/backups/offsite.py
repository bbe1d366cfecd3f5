"""Copies of restore points in an object store: what lies there, how it gets there and back.

<prefix>users/<folder>/collection-<time>.<reason>[.pinned].anki2.zst   as in the user's backups/
<prefix>users/<folder>/collection-<time>.media.zst   the list of the media, with their SHA-256
<prefix>users/<folder>/collection-<time>.json        what is known of it; written last, so that a
                                                     copy without it does not count
<prefix>media/<first two>/<SHA-256>                  each media file once, of all users
<prefix>accounts/...                                 see `offsite_accounts.py`
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

from syncserver.backups.manifest import (
    Manifest,
    MediaFile,
    decoded,
    read_manifest,
    read_media_list,
    write_media_list,
)
from syncserver.backups.offsite_accounts import OffsiteAccounts
from syncserver.backups.packing import Step
from syncserver.backups.store_failures import NotStored
from syncserver.collections import atomic_files
from syncserver.collections.folders import UserFolder
from syncserver.collections.restore_points import (
    NAME,
    RestorePoint,
    mark_offsite,
    named_point,
    restore_points,
)
from syncserver.media.folders import MediaFolder
from syncserver.media.names import is_possible_name
from syncserver.settings import Settings, SettingsError

if TYPE_CHECKING:
    from syncserver.backups.object_store import ObjectStore

PART_SIZE: Final = 1024 * 1024
# What the mark of a pinned point ends with: one that was sent before it was pinned is sent again.
PINNED_MARK: Final = "\npinned"

# SHA-1 (hex) and size -> SHA-256 (hex), of files that lie in the store.
Known = dict[tuple[str, int], str]


@dataclass(frozen=True, slots=True)
class OffsitePoint:
    """A copy of a restore point, and what is known of it."""

    point: RestorePoint
    manifest: Manifest | None


class Offsite:
    """The copies of one installation."""

    def __init__(self, settings: Settings, store: "ObjectStore") -> None:
        self._settings = settings
        self._store = store
        # Marks of another place do not count: whoever names another store wants all of it there.
        self._place = f"{settings.offsite_url} {settings.offsite_bucket} {settings.offsite_prefix}"
        self.accounts = OffsiteAccounts(settings, store)

    def send(self, folder: UserFolder, point: RestorePoint, step: Step) -> None:
        """Copy a point that has passed its check, with the media files that are not there yet.

        Raises StoreFailed, FileNotFoundError if the point is removed meanwhile, what `step` does.
        """
        if self._settings.offsite_media:
            files = list(self._with_sent_media(folder, point, step))
            write_media_list(point, files)
        for path in (point.media_list, point.path, point.manifest):
            step()
            self._store.put_file(_name(folder, path), path)
        if point.pinned:
            self._remove_unpinned(folder, point)
        mark_offsite(point, self._mark_for(point))

    def holds(self, point: RestorePoint) -> bool:
        """Tell whether a point was sent to this store as it is, without asking it."""
        return _mark(point) == self._mark_for(point)

    def unsent(self, folder: UserFolder) -> Iterator[RestorePoint]:
        """Yield the sound points of a user that were not sent to this store, the oldest first."""
        for point in restore_points(folder):
            manifest = read_manifest(point) if point.packed and not self.holds(point) else None
            if manifest is not None and manifest.sound:
                yield point

    def points(self, folder: UserFolder) -> list[OffsitePoint]:
        """Return the copies of a user's points, the oldest first. Raises StoreFailed."""
        return [
            OffsitePoint(point, self._manifest(folder, point)) for point in self._listed(folder)
        ]

    def fetch(self, folder: UserFolder, name: str) -> RestorePoint | None:
        """Bring the copy whose id begins with `name` back among the user's points.

        `newest` is the newest one. None if there is none, or more than one.
        Raises StoreFailed, DiskFull.
        """
        listed = self._listed(folder)
        found = listed[-1:] if name == "newest" else [p for p in listed if p.id.startswith(name)]
        if len(found) != 1:
            return None
        (point,) = found
        folder.prepare()
        folder.prepare_backups()
        for path in (point.media_list, point.manifest, point.path):
            with atomic_files.temporary_file(folder.temporary) as new:
                self._store.get(_name(folder, path), new)
                atomic_files.replace(new, path)
        mark_offsite(point, self._mark_for(point))
        return point

    @contextmanager
    def media_file(self, folder: UserFolder, file: MediaFile) -> Iterator[Path | None]:
        """Give a temporary file with the bytes of a media file, None if they are not there.

        Raises StoreFailed, DiskFull.
        """
        with atomic_files.temporary_file(folder.temporary) as path:
            yield path if file.sha256 and self._fetched(file, path) else None

    def remove_old(self, folder: UserFolder) -> int:
        """Remove the copies older than `offsite_keep_days`, but pinned ones and the newest.

        Returns how many. Raises StoreFailed.
        """
        if not self._settings.offsite_keep_days:
            return 0
        limit = datetime.now(timezone.utc) - timedelta(days=self._settings.offsite_keep_days)
        old = [one for one in self._listed(folder)[:-1] if not one.pinned and one.taken_at < limit]
        for point in old:
            for path in (point.manifest, point.path, point.media_list):
                self._store.remove(_name(folder, path))
        return len(old)

    def remove_all(self, folder: UserFolder) -> None:
        """Remove all copies of a user's points. Raises StoreFailed.

        The media stay: others may have the same.
        """
        for name in self._store.names(_prefix(folder)):
            self._store.remove(name)

    def _listed(self, folder: UserFolder) -> list[RestorePoint]:
        names = self._store.names(_prefix(folder))
        files = {name.rpartition("/")[2] for name in names}
        matches = (NAME.fullmatch(name) for name in sorted(files))
        # Of one that is just being sent again, since it was pinned, the pinned copy comes last.
        points = {
            match["id"]: named_point(
                folder, match["id"], match["reason"], pinned=bool(match["pinned"]), packed=True
            )
            for match in matches
            if match and match["packed"] and match["reason"]
        }
        return [point for point in points.values() if point.manifest.name in files]

    def _mark_for(self, point: RestorePoint) -> str:
        return self._place + (PINNED_MARK if point.pinned else "")

    def _remove_unpinned(self, folder: UserFolder, point: RestorePoint) -> None:
        """Remove the copy of the time before the point was pinned, if there is one."""
        before = named_point(folder, point.id, point.reason, pinned=False, packed=True)
        self._store.remove(_name(folder, before.path))

    def _manifest(self, folder: UserFolder, point: RestorePoint) -> Manifest | None:
        folder.prepare()
        with atomic_files.temporary_file(folder.temporary) as path:
            self._store.get(_name(folder, point.manifest), path)
            with suppress(msgspec.MsgspecError):  # of which one is told that it is damaged
                return decoded(path.read_bytes())
        return None

    def _with_sent_media(
        self, folder: UserFolder, point: RestorePoint, step: Step
    ) -> Iterator[MediaFile]:
        known = self._known(folder)
        for file in read_media_list(point.media_list):
            step()
            sha256 = known.get((file.sha1, file.size)) or self._send_media(folder, file)
            yield MediaFile(file.name, file.sha1, file.size, sha256)

    def _known(self, folder: UserFolder) -> Known:
        """Return what the list of the newest point that was sent says that was sent with it."""
        for point in reversed(restore_points(folder)):
            if _mark(point).removesuffix(PINNED_MARK) == self._place:
                return {
                    (file.sha1, file.size): file.sha256
                    for file in read_media_list(point.media_list)
                    if file.sha256
                }
        return {}

    def _send_media(self, folder: UserFolder, file: MediaFile) -> str:
        """Send one file unless it is there, and return its SHA-256; '' if it has gone meanwhile."""
        if not is_possible_name(file.name):
            return ""
        try:
            # Never changed in place: what is open stays as it is.
            with (MediaFolder(folder).files / file.name).open("rb") as content:
                sha1, sha256 = _digests(content)
                if sha1 != file.sha1:
                    return ""
                if self._store.size(_media_name(sha256)) != file.size:
                    content.seek(0)
                    self._store.put(_media_name(sha256), content, file.size)
                return sha256
        except FileNotFoundError:
            return ""

    def _fetched(self, file: MediaFile, path: Path) -> bool:
        try:
            self._store.get(_media_name(file.sha256), path)
        except NotStored:
            return False
        with path.open("rb") as content:
            return _digests(content) == (file.sha1, file.sha256)


def open_offsite(settings: Settings) -> Offsite | None:
    """Return the copies that the options name, None if they name none. Raises SettingsError."""
    if not settings.offsite_url:
        return None
    if not settings.offsite_bucket:
        raise SettingsError("offsite_bucket: offsite_url needs the name of a bucket")
    try:
        from syncserver.backups.object_store import ObjectStore  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise SettingsError("offsite_url: this needs pip install 'syncserver[s3]'") from None
    return Offsite(settings, ObjectStore(settings))


def _digests(content: BinaryIO) -> tuple[str, str]:
    sha1, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
    while part := content.read(PART_SIZE):
        sha1.update(part)
        sha256.update(part)
    return sha1.hexdigest(), sha256.hexdigest()


def _mark(point: RestorePoint) -> str:
    try:
        return point.offsite_mark.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _name(folder: UserFolder, path: Path) -> str:
    return f"{_prefix(folder)}{path.name}"


def _prefix(folder: UserFolder) -> str:
    return f"users/{folder.path.name}/"


def _media_name(sha256: str) -> str:
    return f"media/{sha256[:2]}/{sha256}"
