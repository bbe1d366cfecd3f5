"""Which media a deck package holds: its list is JSON in old packages, a message in new ones."""

import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import zstandard
from anki import import_export_pb2
from google.protobuf.message import DecodeError

from syncserver.protocol.bounded_streams import ByteSource

LIST_NAME: Final = "media"
VERSION_NAME: Final = "meta"
# From this version on lists are compressed messages.
FIRST_WITH_MESSAGES: Final = 3
# What stands as it is in their packages: the version, and a note for Ankis that are too old.
NEVER_COMPRESSED: Final = frozenset({VERSION_NAME, "collection.anki2", "collection.anki21"})
PART_BYTES: Final = 256 * 1024
# A hundred thousand names of 255 bytes, with their hashes.
MOST_LIST_BYTES: Final = 32 * 1024 * 1024


class NotAPackage(Exception):
    """The file is no package of Anki."""


def check_size(package: Path, limit: int) -> None:
    """Unpack a package into nothing, before libanki does it without a limit.

    Raises NotAPackage when more than `limit` bytes come out, or when it is damaged.
    """
    left = limit
    with _opened(package) as archive:
        packed_twice = _version(archive) >= FIRST_WITH_MESSAGES
        for member in archive.infolist():
            compressed = packed_twice and member.filename not in NEVER_COMPRESSED
            for part in _plain_parts(archive, member, compressed=compressed):
                left -= len(part)
                if left < 0:
                    raise NotAPackage(f"more than {limit} bytes unpacked")


def media_names(package: Path) -> list[str]:
    """Return the names of the media in a package. Raises NotAPackage."""
    with _opened(package) as archive:
        content = _member(archive, LIST_NAME)
        if _version(archive) >= FIRST_WITH_MESSAGES:
            return _names_of_message(content)
        return [str(name) for name in json.loads(content or b"{}").values()]


@contextmanager
def _opened(package: Path) -> Iterator[zipfile.ZipFile]:
    """Open a package; whatever is wrong with its content is NotAPackage."""
    try:
        with zipfile.ZipFile(package) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, zstandard.ZstdError, EOFError) as problem:
        raise NotAPackage(str(problem)) from None
    except (ValueError, AttributeError, DecodeError) as problem:  # of its list of media
        raise NotAPackage(str(problem)) from None
    except RuntimeError as problem:  # encrypted, or compressed in a way that Python does not know
        raise NotAPackage(str(problem)) from None


def _plain_parts(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, *, compressed: bool
) -> Iterator[bytes]:
    with archive.open(member) as source:
        reader: ByteSource = source
        if compressed:
            reader = zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True)
        while part := reader.read(PART_BYTES):
            yield part


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
