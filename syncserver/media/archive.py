"""The zip files in which media travel; their limits hold while they are read."""

import hashlib
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO, BinaryIO, Final

import msgspec
from zipstream import ZipStream

from syncserver.errors import BadRequest
from syncserver.media.names import check_name
from syncserver.media.refusal import file_too_large, upload_too_large

MAX_FILES: Final = 1000  # today's clients send 25
MAX_META_BYTES: Final = 1024 * 1024
META_NAME: Final = "_meta"
PART_SIZE: Final = 256 * 1024
COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED_FLAG: Final = 1

# The end of a zip file: how many members there are and how large their directory is.
END_RECORD: Final = struct.Struct("<4s4H2LH")
END_SIGNATURE: Final = b"PK\x05\x06"
ZIP64_LOCATOR_SIZE: Final = 20
ZIP64_SIGNATURE: Final = b"PK\x06\x07"
MAX_DIRECTORY_BYTES: Final = MAX_FILES * 256

# What the standard library raises for archives and members that are not what they claim to be;
# ValueError is for names that are not Unicode.
UNREADABLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
    EOFError,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The most bytes of one file and of all files of one upload, expanded."""

    file_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file that lies on disk under a temporary name; `sha1` as 20 bytes."""

    path: Path
    size: int
    sha1: bytes


@dataclass(frozen=True, slots=True)
class UploadedChange:
    """One entry of an upload: the new content of a name, None when the name was deleted."""

    name: str
    content: StagedFile | None


class UploadArchive:
    """An uploaded zip file. Every violation of the format is a BadRequest.

    Several threads may extract members at once.
    """

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        _check_directory_size(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except UNREADABLE as problem:
            raise _broken(str(problem)) from None
        self._members = _members(self._zip, file.seek(0, os.SEEK_END))
        self._limits = limits
        self._left = limits.total_bytes
        # For what is counted: the bytes that are left, and the zip file's open members.
        self._counting = Lock()

    def entries(self) -> list[tuple[str, str | None]]:
        """Return each entry's name and the member with its content, None for a deletion.

        The names are checked, and the members exist.
        """
        listed = _decode_entries(self._read_meta())
        if len(listed) > MAX_FILES:
            raise _broken(f"more than {MAX_FILES} entries")
        entries = [(check_name(name), member or None) for name, member in listed]
        missing = [member for _, member in entries if member and member not in self._members]
        if missing:
            raise _broken(f"member {missing[0]!r:.80} is missing")
        return entries

    def extract(self, name: str, member: str, target: Path) -> StagedFile:
        """Write the content of `name` to `target`, and return what it is.

        Raises MediaRefused for what is larger than a limit.
        """
        staged = stage_parts(self._limited_parts(name, member), target)
        if not staged.size:
            raise _broken(f"member {member!r:.80} is empty")
        return staged

    def _limited_parts(self, name: str, member: str) -> Iterator[bytes]:
        left = self._limits.file_bytes
        for part in self._parts(member):
            left -= len(part)
            with self._counting:
                self._left -= len(part)
            if left < 0:
                raise file_too_large(name, self._limits.file_bytes)
            if self._left < 0:
                raise upload_too_large(self._limits.total_bytes)
            yield part

    def _read_meta(self) -> bytes:
        if META_NAME not in self._members:
            raise _broken("there is no _meta")
        meta = bytearray()
        for part in self._parts(META_NAME):
            meta += part
            if len(meta) > MAX_META_BYTES:
                raise _broken("_meta is too large")
        return bytes(meta)

    def _parts(self, member: str) -> Iterator[bytes]:
        try:
            with self._opened(member) as content:
                while part := content.read(PART_SIZE):
                    yield part
        except UNREADABLE as problem:
            raise _broken(f"member {member!r:.80}: {problem}") from None

    @contextmanager
    def _opened(self, member: str) -> Iterator[IO[bytes]]:
        with self._counting:
            content = self._zip.open(self._members[member])
        try:
            yield content
        finally:
            with self._counting:
                content.close()


def stage_copy(source: Path, target: Path) -> StagedFile:
    """Copy a file to `target`, and return what it is."""
    with source.open("rb") as file:
        return stage_parts(iter(lambda: file.read(PART_SIZE), b""), target)


def download_archive(files: list[tuple[str, BinaryIO, int]]) -> ZipStream:
    """Return a zip of open files (name, file, size), not compressed, made while it is sent.

    The names are in the member `_meta`, the members are numbers. Each file is closed when it has
    been sent. The length is known at once: `len()` of what is returned.
    """
    archive = ZipStream(sized=True)
    for number, (_, file, size) in enumerate(files):
        archive.add(_file_parts(file, size), str(number), size=size)
    names = {str(number): name for number, (name, _, _) in enumerate(files)}
    archive.add(msgspec.json.encode(names), META_NAME)
    return archive


def stage_parts(parts: Iterable[bytes], target: Path) -> StagedFile:
    """Write parts to the new file `target`, and return what it is.

    It is on disk only after `Batch.sync`, which brings all files of a batch there at once.
    """
    sha1, size = hashlib.sha1(usedforsecurity=False), 0
    with target.open("xb") as file:
        for part in parts:
            size += len(part)
            sha1.update(part)
            file.write(part)
    return StagedFile(target, size, sha1.digest())


def _file_parts(file: BinaryIO, size: int) -> Iterator[bytes]:
    with file:
        while size and (part := file.read(min(PART_SIZE, size))):
            size -= len(part)
            yield part


def _check_directory_size(file: BinaryIO) -> None:
    """Refuse a zip whose list of members would take much memory, before it is read.

    The standard library reads the whole list at once. Clients write neither a comment nor the
    64-bit form, either of which could tell it another size than the one that is checked here.
    """
    length = file.seek(0, os.SEEK_END)
    tail_size = min(length, END_RECORD.size + ZIP64_LOCATOR_SIZE)
    file.seek(length - tail_size)
    tail = file.read()
    record = tail[-END_RECORD.size :]
    if len(record) < END_RECORD.size or not record.startswith(END_SIGNATURE):
        raise _broken("not a zip file")
    if tail.startswith(ZIP64_SIGNATURE) and tail_size > END_RECORD.size:
        raise _broken("a zip file of the 64-bit form")
    *_, directory_bytes, _offset, comment_bytes = END_RECORD.unpack(record)
    if directory_bytes > MAX_DIRECTORY_BYTES or comment_bytes:
        raise _broken("too many members")
    file.seek(0)


def _members(archive: zipfile.ZipFile, length: int) -> dict[str, zipfile.ZipInfo]:
    """Return the members by name; none may lie outside of the file, which has so many bytes."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        if member.filename in members:
            raise _broken(f"two members {member.filename!r:.80}")
        if member.compress_type not in COMPRESSIONS or member.flag_bits & ENCRYPTED_FLAG:
            raise _broken(f"member {member.filename!r:.80} cannot be read")
        if not 0 <= member.header_offset < length:
            raise _broken(f"member {member.filename!r:.80} lies outside of the file")
        members[member.filename] = member
    return members


def _decode_entries(meta: bytes) -> list[tuple[str, str | None]]:
    try:
        return msgspec.json.decode(meta, type=list[tuple[str, str | None]])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise _broken(f"_meta: {problem}") from None


def _broken(cause: str) -> BadRequest:
    return BadRequest("The media upload is broken.", cause=cause)
