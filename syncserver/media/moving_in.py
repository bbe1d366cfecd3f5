"""Take over the media of another server, with its index if it has one that can be used."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import structs

from syncserver.collections import atomic_files
from syncserver.media.archive import StagedFile, UploadedChange
from syncserver.media.batch import Batch
from syncserver.media.index import Entry, Totals
from syncserver.media.library import Library
from syncserver.media.names import check_name
from syncserver.media.shared_store import SharedStore
from syncserver.media.upload import Outcome, Staged, commit_outcome

# What other servers do not tell of a deleted file: its last content.
UNKNOWN_SHA1: Final = bytes(20)
NO_LIMIT: Final = -1


class Arrival(msgspec.Struct, frozen=True):
    """One name that moves in: its file in the batch, None if it was deleted, and its usn."""

    name: str
    usn: int
    file: int | None = None
    size: int = 0
    sha1: str = ""


class Arrivals(msgspec.Struct, frozen=True):
    """All that moves in; `last_usn` is that of the old index, 0 if the usns were made up."""

    last_usn: int = 0
    entries: Sequence[Arrival] = ()


def move_in(library: Library, batch: Batch, arrivals: Arrivals, store: SharedStore | None) -> None:
    """Make the files of a batch media of the user who owns `library`, durably.

    If the user had none so far, names and usns are those of the old index, so that devices go on
    where they were. Otherwise there may be devices of both servers: everything is a change that all
    of them are told, and what was deleted on the other server stays here. Raises BadRequest for an
    impossible name, DiskFull.
    """
    before = library.index.totals()
    outcome = Outcome(library.index, library.folder.files, before)
    last_usn = max(before.last_usn, arrivals.last_usn)
    if before.last_usn:
        outcome.totals = Totals(last_usn, before.total_bytes, before.files)
    for arrival in _one_of_each_name(arrivals.entries):
        check_name(arrival.name)
        content = _content(batch, arrival)
        if not before.last_usn:
            _place(outcome, arrival, content)
        elif content is not None:
            outcome.take(UploadedChange(arrival.name, content))
    if before.last_usn and arrivals.last_usn:
        _tell_all_again(outcome)
    if outcome.entries or outcome.contents:
        with atomic_files.full_disk_is_passing_trouble():
            commit_outcome(library, Staged(batch, [], store), outcome)


def _one_of_each_name(entries: Sequence[Arrival]) -> list[Arrival]:
    """Return the entries with one for each name: a file before a deletion, with the later usn.

    What another server knew by two normal forms of Unicode is one name here, and a package's list
    may say anything.
    """
    found: dict[str, Arrival] = {}
    for arrival in entries:
        other = found.get(arrival.name, arrival)
        kept = other if arrival.file is None else arrival
        found[arrival.name] = structs.replace(kept, usn=max(arrival.usn, other.usn))
    return list(found.values())


def _content(batch: Batch, arrival: Arrival) -> StagedFile | None:
    if arrival.file is None:
        return None
    path = batch.file(arrival.file)
    return StagedFile(path, arrival.size, bytes.fromhex(arrival.sha1))


def _place(outcome: Outcome, arrival: Arrival, content: StagedFile | None) -> None:
    """Put an entry where the old index had it."""
    sha1 = content.sha1 if content else UNKNOWN_SHA1
    size = content.size if content else 0
    outcome.entries[arrival.name] = Entry(arrival.name, sha1, size, arrival.usn)
    if content is not None:
        outcome.contents[arrival.name] = content
    outcome.totals = Totals(
        last_usn=max(outcome.totals.last_usn, arrival.usn),
        total_bytes=outcome.totals.total_bytes + size,
        files=outcome.totals.files + int(content is not None),
    )


def _tell_all_again(outcome: Outcome) -> None:
    """Give what was here before new usns too: devices of the other server ask from its last on."""
    for entry in outcome.index.changes_after(0, NO_LIMIT):
        if entry.name not in outcome.entries:
            totals = outcome.totals
            usn = totals.last_usn + 1
            outcome.entries[entry.name] = Entry(entry.name, entry.sha1, entry.size, usn)
            outcome.totals = Totals(usn, totals.total_bytes, totals.files)
