"""Errands about restore points: take, list, restore, drill."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

from syncserver import events
from syncserver.backups.drill import drill as drill_one
from syncserver.backups.manifest import Manifest, read_manifest
from syncserver.backups.packing import PART_SIZE, SnapshotDamaged, Step
from syncserver.backups.restore import NEWEST, NotRestorable, fetched_point, find_point
from syncserver.backups.restore import restore as restore_point
from syncserver.backups.service import RestorePoints
from syncserver.backups.store_failures import StoreFailed
from syncserver.collections.libanki_errors import CollectionDamaged
from syncserver.collections.restore_points import RestorePoint
from syncserver.collections.retention import MANUAL
from syncserver.errands.errand import ErrandFailed, Progress, in_words
from syncserver.errors import ServerBusy, SyncServerError
from syncserver.services import Services
from syncserver.sync.collection_file import holdings
from syncserver.sync.moving_in import NOTHING

# What of a manifest is told.
TOLD: Final = (
    *("sound", "notes", "cards", "reviews", "stored_bytes"),
    *("media_known", "media_files", "media_bytes"),
)

Result = dict[str, Any]


class _Bar:
    """Steps of many users as one bar; each has as many as its file has parts, twice."""

    def __init__(self, service: RestorePoints, folders: list[str], progress: Progress) -> None:
        self._sizes = {folder: 2 * _parts(service, folder) + 2 for folder in folders}
        self._total = sum(self._sizes.values())
        self._progress = progress
        self._before = self._done = 0

    def step(self) -> None:
        """Tell of one step more."""
        self._done = min(self._done + 1, self._total)
        self._progress(self._done, self._total)

    def end(self, folder: str) -> None:
        """Tell that all of a user's steps are done, however many there were."""
        self._before += self._sizes[folder]
        self._done = self._before
        self._progress(self._done, self._total)


def backup(services: Services, arguments: Mapping[str, Any], progress: Progress) -> Result:
    """Take a point of each of `folders`, pinned if `pin`; return what became of each.

    `snapshot` is None where there is nothing to keep, or nothing new and nothing to pin.
    """
    service = services.restore_points

    def work(folder: str, step: Step) -> Result:
        service.complete(folder, step)
        present = service.take(folder, MANUAL, pinned=arguments["pin"], step=step)
        if present is None:
            return {"problem": None, "snapshot": None, "unchanged": False}
        point = _told(service, present.point)
        if not present.is_new and not arguments["pin"]:
            point = {"snapshot": None, "media_known": point["media_known"]}
        return {"problem": None, "unchanged": not present.is_new, **point}

    return _for_each(service, arguments["folders"], work, progress)


def snapshots(
    services: Services, arguments: Mapping[str, Any], _progress: Progress
) -> list[Result]:
    """Return the points of `folder`, or their copies if `offsite`, the newest first."""
    service, folder = services.restore_points, arguments["folder"]
    if arguments["offsite"]:
        return _copies(service, folder)
    with suppress(ServerBusy):  # without room those not looked at yet are listed as such
        service.complete(folder)
    return [_told(service, point) for point in reversed(service.points(folder))]


def restore(services: Services, arguments: Mapping[str, Any], progress: Progress) -> Result:
    """Put the point `snapshot` in the place of the collection of `folder`."""
    service, folder = services.restore_points, arguments["folder"]
    bar = _Bar(service, [folder], progress)
    try:
        service.complete(folder, bar.step)
        point = find_point(service, folder, arguments["snapshot"])
        restored = restore_point(service, folder, point, bar.step)
    except NotRestorable as problem:
        raise ErrandFailed(str(problem)) from None
    bar.end(folder)
    return asdict(restored)


def restore_copies(services: Services, arguments: Mapping[str, Any], progress: Progress) -> Result:
    """Restore the newest off-site copy of each of `folders` that has no collection here.

    They come with the names of their users.
    """
    service, names = services.restore_points, arguments["folders"]

    def work(folder: str, step: Step) -> Result:
        if _holds_something(service, folder):
            return {"snapshot": None, "problem": None, "present": True}
        point = fetched_point(service, folder, NEWEST)
        if point is None:
            return {"snapshot": None, "problem": None, "present": False}
        with events.saying(user=names[folder]):
            restored = restore_point(service, folder, point, step, media_first=True)
        return {"problem": None, **asdict(restored)}

    return _for_each(service, list(names), work, progress)


def drill(services: Services, arguments: Mapping[str, Any], progress: Progress) -> Result:
    """Restore the newest point of each of `folders` into a scratch folder, and check it there."""
    service = services.restore_points

    def work(folder: str, step: Step) -> Result:
        return asdict(drill_one(service, folder, step))

    return _for_each(service, arguments["folders"], work, progress)


def _holds_something(service: RestorePoints, folder: str) -> bool:
    """Tell whether there is more than what the first look of a device makes."""
    if not service.folder(folder).collection.exists():
        return False
    try:
        with service.collections.borrow(folder) as lease:
            return holdings(lease.collection) != NOTHING
    except CollectionDamaged:
        return True


def _for_each(
    service: RestorePoints,
    folders: list[str],
    work: Callable[[str, Step], Result],
    progress: Progress,
) -> Result:
    """Return the results by folders; what keeps one from its result does not concern the others."""
    bar = _Bar(service, folders, progress)
    results = {}
    for folder in folders:
        try:
            results[folder] = work(folder, bar.step)
        except (SnapshotDamaged, NotRestorable, SyncServerError, OSError) as problem:
            results[folder] = {"snapshot": None, "problem": in_words(problem)}
        bar.end(folder)
    return results


def _copies(service: RestorePoints, folder: str) -> list[Result]:
    if service.offsite is None:
        raise ErrandFailed("there are no off-site copies: see the option offsite_url")
    try:
        copies = service.offsite.points(service.folder(folder))
    except StoreFailed as problem:
        raise ErrandFailed(str(problem)) from None
    return [_document(one.point, one.manifest, offsite=True) for one in reversed(copies)]


def _told(service: RestorePoints, point: RestorePoint) -> Result:
    offsite = service.offsite is not None and service.offsite.holds(point)
    return _document(point, read_manifest(point), offsite=offsite)


def _document(point: RestorePoint, manifest: Manifest | None, *, offsite: bool) -> Result:
    told = {name: getattr(manifest, name) for name in TOLD} if manifest else dict.fromkeys(TOLD)
    if not told["media_known"]:
        told.update(media_files=None, media_bytes=None)
    return {
        "snapshot": point.id,
        "taken_at": point.taken_at.timestamp(),
        "reason": point.reason,
        "pinned": point.pinned,
        "offsite": offsite,
        **told,
    }


def _parts(service: RestorePoints, folder: str) -> int:
    collection = service.folder(folder).collection
    return collection.stat().st_size // PART_SIZE if collection.exists() else 0
