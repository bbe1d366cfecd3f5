"""`uploadChanges`: take a zip of additions, replacements and deletions in, all or nothing."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from syncserver.collections import atomic_files
from syncserver.errors import SyncServerError
from syncserver.media.archive import Limits, StagedFile, UploadArchive, UploadedChange
from syncserver.media.batch import Batch, Move
from syncserver.media.index import Entry, MediaIndex, Totals
from syncserver.media.library import Library
from syncserver.media.shared_store import SharedStore


class MediaRefused(SyncServerError):
    """The media cannot be taken for a reason that people should read; clients show the text."""

    status = 200


@dataclass(frozen=True, slots=True)
class Staged:
    """An upload whose files lie on disk, ready to take their names."""

    batch: Batch
    changes: list[UploadedChange]


@dataclass(frozen=True, slots=True)
class UploadResult:
    """How many entries were taken, in their order, and the usn after them."""

    processed: int
    last_usn: int


@contextmanager
def received_zip(folder: Path, body: Iterable[bytes]) -> Iterator[BinaryIO]:
    """Write the parts of an upload to a temporary file and give it opened for reading."""
    with atomic_files.temporary_file(folder) as path:
        with path.open("wb") as file:
            for part in body:
                file.write(part)
        with path.open("rb") as file:
            yield file


@contextmanager
def staged_upload(
    library: Library, zip_file: BinaryIO, limits: Limits, store: SharedStore | None
) -> Iterator[Staged]:
    """Unpack and check an upload; the library need not be owned for that.

    Files that another user has too become links to the same bytes, if there is a `store`.
    Raises BadRequest, DiskFull.
    """
    archive = UploadArchive(zip_file, limits)
    entries = archive.entries()
    with atomic_files.full_disk_is_passing_trouble(), library.new_batch() as batch:
        changes = []
        for number, (name, member) in enumerate(entries):
            content = archive.extract(member, batch.file(number)) if member else None
            if content is not None and store is not None:
                store.share(content.path, content.sha256)
            changes.append(UploadedChange(name, content))
        yield Staged(batch, changes)


def apply_upload(library: Library, staged: Staged, quota: int) -> UploadResult:
    """Make the changes of an upload durable: when this returns, index and files are on disk.

    An identical file and the deletion of what is not there count as processed without a change.
    Raises MediaRefused when there would be more than `quota` bytes (0: no limit), DiskFull.
    """
    index = library.index
    outcome = _Outcome(index, library.folder.files, index.totals())
    for change in staged.changes:
        outcome.take(change)
    _check_quota(index.totals(), outcome.totals, quota)
    with atomic_files.full_disk_is_passing_trouble():
        if outcome.moves:
            _commit(library, staged.batch, outcome)
    return UploadResult(len(staged.changes), outcome.totals.last_usn)


def _commit(library: Library, batch: Batch, outcome: "_Outcome") -> None:
    with library.index.transaction():
        for entry in outcome.entries.values():
            library.index.put(entry)
        library.index.set_totals(outcome.totals)
        batch.write_journal(list(outcome.moves.values()))
    batch.play(library.index)
    batch.remove()


def _check_quota(before: Totals, after: Totals, quota: int) -> None:
    if quota and after.total_bytes > max(quota, before.total_bytes):
        raise MediaRefused(
            f"Your media would take more than the {quota / 1_000_000:,.0f} MB that this server"
            " allows. Please remove some files, or ask whoever runs the server for more room.",
            cause=f"{after.total_bytes} bytes",
        )


@dataclass(slots=True)
class _Outcome:
    """What the index and the files will be after the entries taken so far, in their order."""

    index: MediaIndex
    files: Path
    totals: Totals
    entries: dict[str, Entry] = field(default_factory=dict)
    moves: dict[str, Move] = field(default_factory=dict)

    def take(self, change: UploadedChange) -> None:
        stored = self.entries.get(change.name) or self.index.entry(change.name)
        exists = stored is not None and stored.exists
        if change.content is None:
            if stored is not None and exists:
                self._change(stored, Entry(change.name, stored.sha1, 0, 0), None)
        elif not exists or (stored is not None and stored.sha1 != change.content.sha1):
            new = Entry(change.name, change.content.sha1, change.content.size, 0)
            self._change(stored, new, change.content)
        elif not (self.files / change.name).exists() and change.name not in self.moves:
            self._put_back(change.name, change.content)

    def _change(self, old: Entry | None, new: Entry, content: StagedFile | None) -> None:
        old_size = old.size if old is not None else 0
        usn = self.totals.last_usn + 1
        self.totals = Totals(
            last_usn=usn,
            total_bytes=self.totals.total_bytes + new.size - old_size,
            files=self.totals.files + int(new.exists) - int(old_size > 0),
        )
        self.entries[new.name] = Entry(new.name, new.sha1, new.size, usn)
        self.moves[new.name] = _move(new.name, content)

    def _put_back(self, name: str, content: StagedFile) -> None:
        """Take the bytes of an indexed file that is missing on disk; that is no change."""
        self.moves[name] = _move(name, content)


def _move(name: str, content: StagedFile | None) -> Move:
    if content is None:
        return Move(name, None, None)
    return Move(name, content.path.name, content.sha1.hex())
