"""The media that belong to a restore point: list them when it is taken, bring them back later."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncserver.backups.manifest import MediaFile, Stamp, stamp_of
from syncserver.collections import atomic_files
from syncserver.media.archive import UploadedChange, stage_copy
from syncserver.media.library import Libraries, Library
from syncserver.media.names import is_possible_name
from syncserver.media.trash import trashed_files
from syncserver.media.upload import Staged, apply_upload

PART_SIZE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class MediaState:
    """All media that a user has, as the index says, the index's newest usn, the file's stamp.

    Nothing of that is `known` if the index cannot be read.
    """

    files: list[MediaFile]
    usn: int
    stamp: Stamp | None
    known: bool = True


@dataclass(frozen=True, slots=True)
class MediaRestored:
    """How many files are as they were, how many were brought back, and which are not there.

    `problem` is what kept some of them from being looked for.
    """

    unchanged: int
    brought_back: int
    missing: list[str]
    problem: str | None = None


def media_state(libraries: Libraries, folder: str) -> MediaState:
    """List a user's media. Raises ServerBusy, IndexUnusable."""
    library = libraries.library(folder)
    if not library.has_index():
        return MediaState([], 0, None)
    with libraries.owned(folder) as owned:
        files = [MediaFile(one.name, one.sha1.hex(), one.size) for one in owned.index.existing()]
        return MediaState(files, owned.index.totals().last_usn, stamp_of(owned.folder.index))


def bring_back(libraries: Libraries, folder: str, files: Iterable[MediaFile]) -> MediaRestored:
    """Give the user the media of a list again, from the trash and from files of other names.

    What has a name now goes to the trash; what came later stays. Devices get all of it as
    ordinary changes. Raises ServerBusy, DiskFull, IndexUnusable.
    """
    wanted = [file for file in files if is_possible_name(file.name)]
    with libraries.owned(folder) as library:
        lost = [file for file in wanted if not _is_there(library, file)]
        found = dict(_found(library, lost)) if lost else {}
        if found:
            _put_back(library, found)
    missing = [file.name for file in lost if file.name not in found]
    return MediaRestored(len(wanted) - len(lost), len(found), missing)


def _is_there(library: Library, file: MediaFile) -> bool:
    entry = library.index.entry(file.name)
    return entry is not None and entry.exists and entry.sha1.hex() == file.sha1


def _found(library: Library, lost: list[MediaFile]) -> Iterator[tuple[str, Path]]:
    """Yield where the bytes of lost files still lie: under another name, or in the trash."""
    sizes = {file.size for file in lost}
    by_hash = {
        entry.sha1.hex(): library.folder.files / entry.name for entry in library.index.existing()
    }
    for trashed in trashed_files(library.folder):
        if trashed.size in sizes:
            by_hash.setdefault(_sha1(trashed.path), trashed.path)
    for file in lost:
        path = by_hash.get(file.sha1)
        if path is not None and path.exists():
            yield file.name, path


def _put_back(library: Library, found: dict[str, Path]) -> None:
    # All at once: one file may have to go to the trash for another that lies under its name.
    with atomic_files.full_disk_is_passing_trouble(), library.new_batch() as batch:
        changes = [
            UploadedChange(name, stage_copy(path, batch.file(number)))
            for number, (name, path) in enumerate(found.items())
        ]
        apply_upload(library, Staged(batch, changes), quota=0)


def _sha1(path: Path) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    with path.open("rb") as file:
        while part := file.read(PART_SIZE):
            digest.update(part)
    return digest.hexdigest()
