"""What is known of a restore point without opening it, and the list of the media of its time."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import zstandard

from syncserver.collections import atomic_files
from syncserver.collections.restore_points import RestorePoint

PART_SIZE: Final = 1024 * 1024

# Modification time (ns) and size of a file, to tell whether it was written to since.
Stamp = tuple[int, int]


class Manifest(msgspec.Struct, frozen=True):
    """What a point holds; times are milliseconds as in the collection, sizes bytes.

    `sound` is whether it has passed its check, `sha256` of the stored file; the stamps are of the
    files that it was made of. If the media are not known, the index could not be read.
    """

    sound: bool
    notes: int
    cards: int
    reviews: int
    newest_review: int
    modified: int
    schema_modified: int
    usn: int
    bytes: int
    stored_bytes: int
    sha256: str
    media_files: int
    media_bytes: int
    media_usn: int
    collection_stamp: Stamp | None = None
    media_stamp: Stamp | None = None
    media_known: bool = True


class MediaFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file of the list of media: its hashes as hex, its size in bytes.

    Its SHA-256 is known once it lies off-site.
    """

    name: str
    sha1: str
    size: int
    sha256: str = ""


def read_manifest(point: RestorePoint) -> Manifest | None:
    """Return what is known of a point, None if it was not looked at yet, or is gone."""
    try:
        return decoded(point.manifest.read_bytes())
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def decoded(document: bytes) -> Manifest:
    """Return a manifest out of its JSON. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(document, type=Manifest)


def write_manifest(point: RestorePoint, manifest: Manifest) -> None:
    """Write what is known of a point durably."""
    document = msgspec.json.format(msgspec.json.encode(manifest))
    _write(point.manifest, [document])


def write_media_list(point: RestorePoint, files: Iterable[MediaFile]) -> None:
    """Write the list of the media, compressed, a JSON object in each line."""
    _write(point.media_list, _compressed_lines(files))


def read_media_list(path: Path) -> Iterator[MediaFile]:
    """Yield the files of a list; nothing if there is no list. Raises ZstdError, MsgspecError."""
    if not path.exists():
        return
    with path.open("rb") as stored, zstandard.ZstdDecompressor().stream_reader(stored) as reader:
        rest = b""
        while part := reader.read(PART_SIZE):
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                yield msgspec.json.decode(line, type=MediaFile)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(PART_SIZE):
            digest.update(part)
    return digest.hexdigest()


def stamp_of(path: Path) -> Stamp | None:
    """Return the stamp of a file that nobody has open; None if it is missing or has a log."""
    log = path.with_name(f"{path.name}-wal")
    try:
        if log.exists() and log.stat().st_size:
            return None
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size


def _compressed_lines(files: Iterable[MediaFile]) -> Iterator[bytes]:
    compression = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    for file in files:
        yield compression.compress(msgspec.json.encode(file) + b"\n")
    yield compression.flush()


def _write(path: Path, parts: Iterable[bytes]) -> None:
    with atomic_files.temporary_file(path.parent) as new:
        atomic_files.write_parts(new, parts)
        atomic_files.replace(new, path)
