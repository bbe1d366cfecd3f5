"""What was deleted or replaced stays for some days, and comes back when somebody asks for it."""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from syncserver.collections import atomic_files
from syncserver.media.archive import UploadedChange, stage_copy
from syncserver.media.folders import MediaFolder
from syncserver.media.library import Library
from syncserver.media.trash_folder import folders
from syncserver.media.upload import Staged, apply_upload


class NotInTrash(Exception):
    """No file of this name was deleted or replaced lately; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class TrashedFile:
    """A file in the trash: its name, when it went there (UTC), its size in bytes, where it lies."""

    name: str
    since: datetime
    size: int
    path: Path


def trashed_files(media: MediaFolder) -> list[TrashedFile]:
    """Return what is in a user's trash, the newest first."""
    found = [file for folder, since in folders(media) for file in _files_in(folder, since)]
    return sorted(found, key=lambda file: (file.since, file.name), reverse=True)


def restore(library: Library, name: str) -> TrashedFile:
    """Put the newest trashed version of `name` back, as a change that all devices get.

    What has the name now goes to the trash. Raises NotInTrash, DiskFull.
    """
    candidates = [file for file in trashed_files(library.folder) if file.name == name]
    if not candidates:
        raise NotInTrash(f"there is no {name!r} in the trash")
    newest = candidates[0]
    with atomic_files.full_disk_is_passing_trouble(), library.new_batch() as batch:
        content = stage_copy(newest.path, batch.file(0))
        apply_upload(library, Staged(batch, [UploadedChange(name, content)]), quota=0)
    return newest


def _files_in(folder: Path, since: datetime) -> list[TrashedFile]:
    with suppress(FileNotFoundError):  # emptied while it is looked at
        return [
            TrashedFile(file.name, since, file.stat().st_size, file) for file in folder.iterdir()
        ]
    return []


def empty_trash(media: MediaFolder, older_than_days: int) -> int:
    """Remove what has been in the trash for so many days, and return how many changes that were."""
    limit = datetime.now(timezone.utc) - timedelta(days=older_than_days)
    expired = [folder for folder, since in folders(media) if since <= limit]
    for folder in expired:
        shutil.rmtree(folder, ignore_errors=True)
    return len(expired)
