"""`uploadChanges`: take a zip of additions, replacements and deletions in, all or nothing."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from syncserver.collections import atomic_files, side_by_side
from syncserver.media.archive import Limits, StagedFile, UploadArchive, UploadedChange
from syncserver.media.batch import Batch, Move
from syncserver.media.index import Entry, MediaIndex, Totals
from syncserver.media.library import Library
from syncserver.media.refusal import over_quota
from syncserver.media.shared_store import SharedStore

# Unpacking is work for the processors; more than a few at once find the disk busy.
UNPACKING_HELPERS: Final = min(3, (os.cpu_count() or 1) - 1)


@dataclass(frozen=True, slots=True)
class Staged:
    """An upload whose files lie on disk, ready to take their names.

    Files that another user has too become links to the same bytes, if there is a `store`.
    """

    batch: Batch
    changes: list[UploadedChange]
    store: SharedStore | None = None


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
    """Unpack and check an upload, and bring it to disk; the library need not be owned for that.

    Raises BadRequest, MediaRefused, DiskFull.
    """
    archive = UploadArchive(zip_file, limits)
    entries = archive.entries()
    with atomic_files.full_disk_is_passing_trouble(), library.new_batch() as batch:

        def unpacked(numbered_entry: tuple[int, tuple[str, str | None]]) -> UploadedChange:
            number, (name, member) = numbered_entry
            content = archive.extract(name, member, batch.file(number)) if member else None
            return UploadedChange(name, content)

        changes = side_by_side.for_each(unpacked, enumerate(entries), UNPACKING_HELPERS)
        batch.sync(change.content.path for change in changes if change.content)
        yield Staged(batch, changes, store)


def apply_upload(library: Library, staged: Staged, quota: int) -> UploadResult:
    """Make the changes of an upload durable: when this returns, index and files are on disk.

    An identical file and the deletion of what is not there count as processed without a change.
    Raises MediaRefused when there would be more than `quota` bytes (0: no limit), DiskFull.
    """
    index = library.index
    outcome = Outcome(index, library.folder.files, index.totals())
    for change in staged.changes:
        outcome.take(change)
    _check_quota(index.totals(), outcome.totals, quota)
    with atomic_files.full_disk_is_passing_trouble():
        if outcome.contents:
            commit_outcome(library, staged, outcome)
    return UploadResult(len(staged.changes), outcome.totals.last_usn)


def commit_outcome(library: Library, staged: Staged, outcome: "Outcome") -> None:
    """Make what an outcome says durable, the index and the files in step."""
    batch, index = staged.batch, library.index
    contents = {name: content for name, content in outcome.contents.items() if content is not None}
    batch.sync(content.path for content in contents.values())
    # Not earlier: what is refused must not be left in the store, nor what is not on disk.
    if staged.store is not None:
        for content in contents.values():
            staged.store.share(content.path, content.sha1)
    if _only_adds(library, outcome):
        batch.place({name: content.path for name, content in contents.items()})
        with index.transaction():
            outcome.write(index)
    else:
        with index.transaction():
            outcome.write(index)
            batch.write_journal(
                [_move(name, content) for name, content in outcome.contents.items()]
            )
        batch.play(index)
    batch.remove()


def _only_adds(library: Library, outcome: "Outcome") -> bool:
    """Tell whether all contents are of names without a file, of which the index knows no other."""
    return not any(
        content is None
        or os.path.lexists(library.folder.files / name)
        or ((entry := library.index.entry(name)) and entry.exists and entry.sha1 != content.sha1)
        for name, content in outcome.contents.items()
    )


def _check_quota(before: Totals, after: Totals, quota: int) -> None:
    if quota and after.total_bytes > max(quota, before.total_bytes):
        raise over_quota(quota, after.total_bytes)


@dataclass(slots=True)
class Outcome:
    """What the index and the files will be after the entries taken so far, in their order.

    `contents` holds the new content of each name whose file changes, None for a deletion.
    """

    index: MediaIndex
    files: Path
    totals: Totals
    entries: dict[str, Entry] = field(default_factory=dict)
    contents: dict[str, StagedFile | None] = field(default_factory=dict)

    def take(self, change: UploadedChange) -> None:
        """Count one entry of an upload in."""
        stored = self.entries.get(change.name) or self.index.entry(change.name)
        exists = stored is not None and stored.exists
        if change.content is None:
            if stored is not None and exists:
                self._change(stored, Entry(change.name, stored.sha1, 0, 0), None)
        elif not exists or (stored is not None and stored.sha1 != change.content.sha1):
            new = Entry(change.name, change.content.sha1, change.content.size, 0)
            self._change(stored, new, change.content)
        elif change.name not in self.contents and not self._is_whole(change.name, change.content):
            # Its bytes are missing or cut short on disk: they are put back, which is no change.
            self.contents[change.name] = change.content

    def write(self, index: MediaIndex) -> None:
        """Store the entries and the totals, within a transaction."""
        for entry in self.entries.values():
            index.put(entry)
        index.set_totals(self.totals)

    def _change(self, old: Entry | None, new: Entry, content: StagedFile | None) -> None:
        old_size = old.size if old is not None else 0
        usn = self.totals.last_usn + 1
        self.totals = Totals(
            last_usn=usn,
            total_bytes=self.totals.total_bytes + new.size - old_size,
            files=self.totals.files + int(new.exists) - int(old_size > 0),
        )
        self.entries[new.name] = Entry(new.name, new.sha1, new.size, usn)
        self.contents[new.name] = content

    def _is_whole(self, name: str, content: StagedFile) -> bool:
        try:
            return (self.files / name).stat().st_size == content.size
        except FileNotFoundError:
            return False


def _move(name: str, content: StagedFile | None) -> Move:
    if content is None:
        return Move(name, None, None)
    return Move(name, content.path.name, content.sha1.hex())
