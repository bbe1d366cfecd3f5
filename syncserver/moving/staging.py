"""Bring what moves in into the folders that the server gave for it, and tell what was found."""

import sqlite3
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from syncserver.collections import atomic_files
from syncserver.collections.workshop import hand_over
from syncserver.media.archive import PART_SIZE, StagedFile, stage_parts
from syncserver.media.moving_in import Arrival, Arrivals
from syncserver.media.names import is_possible_name
from syncserver.moving.old_indexes import (
    FIRST_USN,
    OldEntry,
    copy_database,
    fold_log,
    old_entries,
)
from syncserver.moving.old_servers import NotMovable, OldUser, check_not_in_use

Progress = Callable[[int, int], None]
# A name and, opened when its turn comes, the parts of its content.
MediaFile = tuple[str, Callable[[], Iterable[bytes]]]

LEFT_OUT: Final = ("missing", "damaged", "impossible", "too_large")


@dataclass(frozen=True, slots=True)
class Places:
    """Where the server wants the collection, the media files and the list of these."""

    collection: Path
    media: Path
    manifest: Path

    def done(self) -> None:
        """Give to the server's user what the superuser has put there."""
        for folder in (self.collection.parent, self.media):
            hand_over(folder)


@dataclass(slots=True)
class MediaReport:
    """What became of the media: how many there are, and the names of those that were left out.

    `missing` and `damaged` stand in the old index, but their bytes do not exist or are others;
    `strays` were taken in though no index knew them.
    """

    files: int = 0
    index_used: bool = False
    strays: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    impossible: list[str] = field(default_factory=list)
    too_large: list[str] = field(default_factory=list)


class Staging:
    """Puts media files into their place one by one, and remembers what is in the old index."""

    def __init__(self, places: Places, most_file_bytes: int) -> None:
        self.report = MediaReport()
        self._places = places
        self._most = most_file_bytes
        self._arrivals: list[Arrival] = []
        self._last_usn = 0
        self._made_up = True

    def stage(self, name: str, parts: Iterable[bytes], *, usn: int, sha1: str = "") -> None:
        """Take one file in; it is left out if it is too large, empty, or not of this SHA-1."""
        number = len(self._arrivals)
        target = self._places.media / str(number)
        staged = stage_parts(parts, target)
        if staged.size > self._most:
            self.report.too_large.append(name)
        elif not staged.size or (sha1 and staged.sha1.hex() != sha1):
            self.report.damaged.append(name)
        else:
            self._arrivals.append(_arrival(name, usn, number, staged))
            self.report.files += 1
            return
        target.unlink()

    def note_deleted(self, name: str, usn: int) -> None:
        """Take the deletion of a name over, for devices that do not know of it yet."""
        self._arrivals.append(Arrival(name, usn))

    def use_index(self, last_usn: int) -> None:
        """Keep the usns of the old index."""
        self.report.index_used = True
        self._last_usn = last_usn
        self._made_up = False

    def finish(self) -> None:
        """Write the list of all that was taken in, and give it to the server."""
        last_usn = 0 if self._made_up else self._last_usn
        content = msgspec.json.encode(Arrivals(last_usn, self._arrivals))
        atomic_files.write_parts(self._places.manifest, [content])
        self._places.done()


def stage_collection(source: Path, places: Places) -> None:
    """Copy a collection that nobody has open. Raises NotMovable."""
    check_not_in_use(source)
    try:
        copy_database(source, places.collection)
        fold_log(places.collection)
    except sqlite3.Error as problem:
        raise NotMovable(f"{source}: {problem}") from None


def stage_user(user: OldUser, places: Places, most_file_bytes: int, progress: Progress) -> Staging:
    """Bring the files of a user of another server in. Raises NotMovable, DiskFull."""
    stage_collection(user.collection, places)
    staging = Staging(places, most_file_bytes)
    entries = old_entries(user.index, places.collection.parent)
    found = _names_in(user.media) if user.media else {}
    if entries is None:
        _stage_unknown(staging, user.media, found, FIRST_USN, progress)
    else:
        _stage_known(staging, user.media, found, entries, progress)
    return staging


def _stage_known(
    staging: Staging,
    media: Path | None,
    found: dict[str, str],
    entries: list[OldEntry],
    progress: Progress,
) -> None:
    last_usn = max((entry.usn for entry in entries), default=0)
    if last_usn:
        staging.use_index(last_usn)
    for done, entry in enumerate(entries, 1):
        name = unicodedata.normalize("NFC", entry.name)
        on_disk = found.pop(name, None)
        if not is_possible_name(name):
            staging.report.impossible.append(entry.name)
        elif not entry.sha1:
            staging.note_deleted(name, entry.usn)
        elif on_disk is None or media is None:
            staging.report.missing.append(name)
        else:
            parts = file_parts(media / on_disk)
            staging.stage(name, parts, usn=entry.usn, sha1=entry.sha1)
        progress(done, len(entries) + len(found))
    staging.report.strays = len(found)
    _stage_unknown(staging, media, found, (last_usn or FIRST_USN) + 1, progress)


def _stage_unknown(
    staging: Staging, media: Path | None, found: dict[str, str], usn: int, progress: Progress
) -> None:
    for done, (name, on_disk) in enumerate(sorted(found.items())):
        if is_possible_name(name) and media is not None:
            staging.stage(name, file_parts(media / on_disk), usn=usn + done)
        else:
            staging.report.impossible.append(name)
        progress(done + 1, len(found))


def _names_in(media: Path) -> dict[str, str]:
    """Return the plain files of a folder: their names in normal form C, and as they are."""
    names = sorted(
        path.name for path in media.iterdir() if path.is_file() and not path.is_symlink()
    )
    return {unicodedata.normalize("NFC", name): name for name in names}


def file_parts(path: Path) -> Iterator[bytes]:
    """Yield the content of a file."""
    with path.open("rb") as file:
        while part := file.read(PART_SIZE):
            yield part


def _arrival(name: str, usn: int, number: int, staged: StagedFile) -> Arrival:
    return Arrival(name, usn, number, staged.size, staged.sha1.hex())
