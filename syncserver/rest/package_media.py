"""Which media a deck package holds: its list is JSON in old packages, a message in new ones."""

import json
import zipfile
from pathlib import Path
from typing import Final

import zstandard
from anki import import_export_pb2
from google.protobuf.message import DecodeError

LIST_NAME: Final = "media"
VERSION_NAME: Final = "meta"
# From this version on lists are compressed messages.
FIRST_WITH_MESSAGES: Final = 3
# A hundred thousand names of 255 bytes, with their hashes.
MOST_LIST_BYTES: Final = 32 * 1024 * 1024


class NotAPackage(Exception):
    """The file is no package of Anki."""


def check_size(package: Path, limit: int) -> None:
    """Raise NotAPackage when its members say that they are more than `limit` bytes unpacked."""
    with zipfile.ZipFile(package) as archive:
        if sum(member.file_size for member in archive.infolist()) > limit:
            raise NotAPackage(f"more than {limit} bytes unpacked")


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
