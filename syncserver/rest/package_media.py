"""Which media a deck package holds: its list is JSON in old packages, a message in new ones."""

import json
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Final

import zstandard
from anki import import_export_pb2
from google.protobuf.message import DecodeError

LIST_NAME: Final = "media"
VERSION_NAME: Final = "meta"
# From this version on lists are compressed messages.
FIRST_WITH_MESSAGES: Final = 3
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
PART_SIZE: Final = 256 * 1024
# A hundred thousand names of 255 bytes, with their hashes.
MOST_LIST_BYTES: Final = 32 * 1024 * 1024


class NotAPackage(Exception):
    """The file is no package of Anki."""


def check_size(package: Path, limit: int) -> None:
    """Raise NotAPackage when its members are more than `limit` bytes unpacked.

    What is compressed inside of the zip as well, as in packages of today, has to be looked at: the
    zip does not know how much that becomes.
    """
    left = limit
    with zipfile.ZipFile(package) as archive:
        for member in archive.infolist():
            left -= max(member.file_size, _expanded_size(archive, member, left))
            if left < 0:
                raise NotAPackage(f"more than {limit} bytes unpacked")


def _expanded_size(archive: zipfile.ZipFile, member: zipfile.ZipInfo, enough: int) -> int:
    """Return how many bytes a member compressed with zstd becomes, counted up to `enough`."""
    size = 0
    with archive.open(member) as packed:
        if packed.read(len(ZSTD_MAGIC)) != ZSTD_MAGIC:
            return size
        packed.seek(0)
        decompressor = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
        with suppress(zstandard.ZstdError):  # for libanki to complain about
            while size <= enough and (part := decompressor.read(PART_SIZE)):
                size += len(part)
    return size


def media_names(package: Path) -> list[str]:
    """Return the names of the media in a package. Raises NotAPackage, BadZipFile."""
    with zipfile.ZipFile(package) as archive:
        content = _member(archive, LIST_NAME)
        try:
            if _version(archive) >= FIRST_WITH_MESSAGES:
                return _names_of_message(content)
            return [str(name) for name in json.loads(content or b"{}").values()]
        except (ValueError, AttributeError, DecodeError, zstandard.ZstdError) as problem:
            raise NotAPackage(str(problem)) from None


def _version(archive: zipfile.ZipFile) -> int:
    meta = import_export_pb2.PackageMetadata.FromString(_member(archive, VERSION_NAME))
    return int(meta.version)


def _names_of_message(content: bytes) -> list[str]:
    with zstandard.ZstdDecompressor().stream_reader(content) as reader:
        plain = reader.read(MOST_LIST_BYTES)
    return [entry.name for entry in import_export_pb2.MediaEntries.FromString(plain).entries]


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a member, empty if there is none. Raises NotAPackage if it is too large."""
    if name not in archive.namelist():
        return b""
    with archive.open(name) as member:
        content = member.read(MOST_LIST_BYTES + 1)
    if len(content) > MOST_LIST_BYTES:
        raise NotAPackage(f"{name} is too large")
    return content
