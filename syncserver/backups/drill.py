"""The drill: restore a point into a scratch folder and see whether it could be relied upon."""

from dataclasses import dataclass

import msgspec
import zstandard

from syncserver.backups.manifest import MediaFile, read_media_list
from syncserver.backups.packing import Step
from syncserver.backups.restore import NotRestorable, sound_copy
from syncserver.backups.service import RestorePoints
from syncserver.collections.restore_points import RestorePoint
from syncserver.media.index import IndexUnusable
from syncserver.media.trash import trashed_files


@dataclass(frozen=True, slots=True)
class Drilled:
    """How the drill of one user's newest point ended; `problem` is None if all is well.

    `media_missing` counts files of its list that are neither there nor, by name, in the trash. Both
    numbers are None if the media of its time are not known.
    """

    snapshot: str | None
    problem: str | None = None
    notes: int = 0
    cards: int = 0
    reviews: int = 0
    media: int | None = 0
    media_missing: int | None = 0


def drill(service: RestorePoints, folder: str, step: Step) -> Drilled:
    """Restore a user's newest point into a scratch folder, open and check and count it.

    Raises DiskFull, ServerBusy.
    """
    service.complete(folder)
    points = service.points(folder)
    if not points:
        return Drilled(None)
    try:
        return _drilled(service, folder, points[-1], step)
    except NotRestorable as problem:
        return Drilled(points[-1].id, str(problem))
    except (zstandard.ZstdError, msgspec.MsgspecError):
        return Drilled(points[-1].id, "the list of its media is damaged")


def _drilled(service: RestorePoints, folder: str, point: RestorePoint, step: Step) -> Drilled:
    with sound_copy(service.folder(folder), point, step) as (_copy, manifest):
        files = list(read_media_list(point.media_list))
        problem = None if len(files) == manifest.media_files else "media are missing in its list"
        return Drilled(
            point.id,
            problem,
            manifest.notes,
            manifest.cards,
            manifest.reviews,
            len(files) if manifest.media_known else None,
            _missing(service, folder, files) if manifest.media_known else None,
        )


def _missing(service: RestorePoints, folder: str, files: list[MediaFile]) -> int:
    if not files:
        return 0
    try:
        with service.media.owned(folder) as library:
            stored = {(entry.name, entry.sha1.hex()) for entry in library.index.existing()}
            names = {file.name for file in trashed_files(library.folder)}
    except IndexUnusable:
        return len(files)
    return sum((one.name, one.sha1) not in stored and one.name not in names for one in files)
