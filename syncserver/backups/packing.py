"""Compress a collection, and unpack and check it: what was written is what is looked at.

All of it is work on private files, without any lease. The check opens the unpacked copy as
libanki opens collections, after SQLite's integrity check over all of it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import zstandard

from syncserver.backups.manifest import sha256_of
from syncserver.collections import atomic_files
from syncserver.collections.folders import UserFolder
from syncserver.collections.libanki_errors import CollectionDamaged
from syncserver.errors import UploadRefused
from syncserver.sync.collection_file import opened, validated_collection

# A third of a collection's size; level 9 saves a tenth of that in five times the time.
COMPRESSION_LEVEL: Final = 3
PART_SIZE: Final = 1024 * 1024

# Called now and then; may raise, to end the work.
Step = Callable[[], None]


class SnapshotDamaged(Exception):
    """A restore point, or the collection that one is made of, cannot be relied upon."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a checked collection holds; its newest review and its stamps are milliseconds."""

    notes: int
    cards: int
    reviews: int
    newest_review: int
    modified: int
    schema_modified: int
    usn: int


def pack(source: Path, target: Path, step: Step) -> None:
    """Compress a private file into a temporary one. Raises DiskFull and what `step` does."""
    atomic_files.write_parts(target, _compressed(source, step))


def _compressed(source: Path, step: Step) -> Iterator[bytes]:
    compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL, write_checksum=True)
    compression = compressor.compressobj()
    with source.open("rb") as file:
        while part := file.read(PART_SIZE):
            step()
            yield compression.compress(part)
    yield compression.flush()


@contextmanager
def unpacked(stored: Path, folder: UserFolder, step: Step, size: int) -> Iterator[Path]:
    """Give a temporary file with the unpacked collection of `size` bytes.

    Raises SnapshotDamaged, DiskFull, FileNotFoundError if the user was removed.
    """
    folder.prepare_temporary()
    with atomic_files.temporary_file(folder.temporary) as path:
        try:
            atomic_files.write_parts(path, _limited(stored, step, size))
        except zstandard.ZstdError as problem:
            raise SnapshotDamaged(f"{stored.name}: {problem}") from problem
        if path.stat().st_size != size:
            raise SnapshotDamaged(f"{stored.name}: it unpacks to {path.stat().st_size} bytes")
        yield path


def checked_contents(path: Path) -> Contents:
    """Check a private copy of a collection whole, and count what is in it.

    Raises SnapshotDamaged, and DiskFull and ServerBusy, which say nothing of the copy.
    """
    try:
        validated_collection(path)
        with opened(path) as collection:
            return Contents(
                *collection.row(
                    "select (select count() from notes), (select count() from cards),"
                    " (select count() from revlog),"
                    " (select coalesce(max(id), 0) from revlog), mod, scm, usn from col"
                )
            )
    except (UploadRefused, CollectionDamaged) as problem:
        cause = problem.cause if isinstance(problem, UploadRefused) else None
        raise SnapshotDamaged(cause or str(problem)) from problem


def check_bytes(stored: Path, sha256: str) -> None:
    """Raise SnapshotDamaged unless a stored point has the bytes that were written."""
    if sha256_of(stored) != sha256:
        raise SnapshotDamaged(f"{stored.name}: the bytes are not those that were written")


def _limited(stored: Path, step: Step, size: int) -> Iterator[bytes]:
    left = size
    with stored.open("rb") as file:
        for part in zstandard.ZstdDecompressor().read_to_iter(file, PART_SIZE, PART_SIZE):
            step()
            left -= len(part)
            if left < 0:
                raise SnapshotDamaged(f"{stored.name}: it unpacks to more than {size} bytes")
            yield part
