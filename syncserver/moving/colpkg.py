"""Unpack a collection package (.colpkg), whoever has made it, within limits.

A package is a zip of one collection, a list of media, and the media under numbers. From version 3
on collection, list and each file are compressed with zstd inside of the zip, so what the zip says
of sizes means nothing: everything is counted while it expands.
"""

import json
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import zstandard
from anki import import_export_pb2
from google.protobuf.message import DecodeError

from syncserver.collections import atomic_files
from syncserver.media.archive import COMPRESSIONS, PART_SIZE, UNREADABLE
from syncserver.media.names import is_possible_name
from syncserver.moving.old_indexes import FIRST_USN
from syncserver.moving.old_servers import NotMovable
from syncserver.moving.staging import Places, Progress, Staging

SUFFIX: Final = ".colpkg"
VERSION_NAME: Final = "meta"
LIST_NAME: Final = "media"
# The collection's name in a package of each version.
COLLECTIONS: Final = {1: "collection.anki2", 2: "collection.anki21", 3: "collection.anki21b"}
FIRST_COMPRESSED: Final = 3

MOST_MEMBERS: Final = 500_000
MOST_VERSION_BYTES: Final = 1024
MOST_LIST_BYTES: Final = 256 * 1024 * 1024
# Frames of real packages need less; more memory than that is not given to one.
MOST_WINDOW_BYTES: Final = 128 * 1024 * 1024
# Collections shrink to a fifth, media hardly at all; what expands more is no collection.
MOST_EXPANSION: Final = 50
ALWAYS_FINE_BYTES: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The most bytes of the collection and of one media file."""

    collection_bytes: int
    file_bytes: int


def stage_package(path: Path, places: Places, limits: Limits, progress: Progress) -> Staging:
    """Bring the collection and the media of a package in. Raises NotMovable, DiskFull."""
    if path.suffix.lower() != SUFFIX:
        raise NotMovable(f"{path}: only a whole collection ({SUFFIX}) can take another one's place")
    staging = Staging(places, limits.file_bytes)
    try:
        with zipfile.ZipFile(path) as archive:
            package = _Package(archive, path.stat().st_size)
            collection = package.collection(limits.collection_bytes)
            atomic_files.write_parts(places.collection, collection)
            media = package.media()
            for done, (number, (name, sha1)) in enumerate(sorted(media.items()), 1):
                _stage_file(package, staging, (number, name, sha1), FIRST_USN + done)
                progress(done, len(media))
    except (*UNREADABLE, zstandard.ZstdError, DecodeError, AttributeError) as problem:
        raise NotMovable(f"{path}: this is not a collection package ({problem})") from None
    return staging


def _stage_file(
    package: "_Package", staging: Staging, file: tuple[int, str, str], usn: int
) -> None:
    number, raw_name, sha1 = file
    name = unicodedata.normalize("NFC", raw_name)
    if not is_possible_name(name):
        staging.report.impossible.append(raw_name)
    elif not package.has(str(number)):
        staging.report.missing.append(name)
    else:
        staging.stage(name, package.parts(str(number)), usn=usn, sha1=sha1)


class _Package:
    """An open package, and how much of it has been expanded."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self._archive = archive
        self._members = _members(archive)
        self._left = max(ALWAYS_FINE_BYTES, MOST_EXPANSION * size)
        self.version = self._version()

    def has(self, member: str) -> bool:
        return member in self._members

    def collection(self, most_bytes: int) -> Iterator[bytes]:
        """Yield the collection. Raises NotMovable when it is larger than that."""
        size = 0
        for part in self.parts(COLLECTIONS[self.version]):
            size += len(part)
            if size > most_bytes:
                text = f"the collection is larger than max_collection_bytes ({most_bytes} bytes)"
                raise NotMovable(text)
            yield part

    def media(self) -> dict[int, tuple[str, str]]:
        """Return name and SHA-1 (hex, empty if not told) of each media file by its number."""
        if not self.has(LIST_NAME):
            return {}
        content = self._whole(LIST_NAME, MOST_LIST_BYTES)
        if self.version < FIRST_COMPRESSED:
            listed = json.loads(content or b"{}").items()
            return {int(number): (str(name), "") for number, name in listed}
        entries = import_export_pb2.MediaEntries.FromString(content).entries
        return {number: (one.name, one.sha1.hex()) for number, one in enumerate(entries)}

    def parts(self, member: str) -> Iterator[bytes]:
        """Yield the content of a member as it was before it was packed."""
        if member not in self._members:
            raise NotMovable(f"this is not a collection package (there is no {member!r:.80})")
        with self._archive.open(self._members[member]) as packed:
            plain = packed
            if self.version >= FIRST_COMPRESSED:
                plain = _decompressor().stream_reader(packed, read_across_frames=True)
            while part := plain.read(PART_SIZE):
                self._left -= len(part)
                if self._left < 0:
                    raise NotMovable("the package expands to far more than a collection does")
                yield part

    def _whole(self, member: str, most_bytes: int) -> bytes:
        content = bytearray()
        for part in self.parts(member):
            content += part
            if len(content) > most_bytes:
                raise NotMovable(f"this is not a collection package ({member} is too large)")
        return bytes(content)

    def _version(self) -> int:
        if VERSION_NAME not in self._members:  # made before 2.1.50
            return 2 if COLLECTIONS[2] in self._members else 1
        with self._archive.open(self._members[VERSION_NAME]) as member:
            content = member.read(MOST_VERSION_BYTES)
        version = int(import_export_pb2.PackageMetadata.FromString(content).version)
        if version not in COLLECTIONS:
            raise NotMovable("this package was made by a newer Anki than this server knows")
        return version


def _decompressor() -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(max_window_size=MOST_WINDOW_BYTES)


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    listed = archive.infolist()
    members = {member.filename: member for member in listed}
    if len(listed) > MOST_MEMBERS or len(members) < len(listed):
        raise NotMovable("this is not a collection package (too many members, or two of a name)")
    # Of other kinds, each of which has errors of its own, Anki makes none.
    if any(member.compress_type not in COMPRESSIONS for member in listed):
        raise NotMovable("this is not a collection package (it is compressed in another way)")
    return members
