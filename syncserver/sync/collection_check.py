"""Look a collection over, on a private copy: what is wrong with it, and what to do.

For the operator. A sync checks what it needs by itself; this reads everything.
"""

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncserver.collections.libanki import LibankiCollection
from syncserver.collections.libanki_errors import CollectionDamaged, Rejected
from syncserver.sync.collection_file import NEEDED_COLUMNS, SQLITE_MAGIC, opened, schema_of

RESTORE: Final = (
    "restore a backup (docs/operations.md, 'A damaged collection'), or let the user upload from a"
    " good device; check the disk"
)
CHECK_DATABASE: Final = "ask the user to run Tools > Check Database on one device and to sync; nothing is lost meanwhile"
FULL_SYNC: Final = "ask the user to upload from a good device (a one-way sync)"
CLOCK: Final = "set the clock of this computer and of the user's devices right"

DAY_MS: Final = 86_400_000
MOST_NAMED: Final = 3
# What the sanity check at the end of a sync looks at; -1 stands for "not sent yet" and is a client's.
STAMPED: Final = (
    *("notes", "cards", "revlog", "graves"),
    *("notetypes", "decks", "deck_config", "tags"),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a collection, and what helps."""

    severity: str
    what: str
    remedy: str


def problems_of_copy(copy: Path) -> list[Problem]:
    """Return what is wrong with a collection in a private copy, which is changed by that."""
    unreadable = _unreadable(copy)
    if unreadable:
        return [Problem("error", unreadable, RESTORE)]
    try:
        with opened(copy) as collection:
            return list(_inside(collection))
    except (CollectionDamaged, Rejected) as problem:
        return [Problem("error", f"cannot be read: {problem}", RESTORE)]


def _unreadable(copy: Path) -> str | None:
    with copy.open("rb") as file:
        start = file.read(len(SQLITE_MAGIC))
    if not start:
        return "the file is empty"
    if start != SQLITE_MAGIC:
        return "it is no SQLite file"
    if copy.with_name(f"{copy.name}-wal").exists():
        return None  # what the file alone says may not be all
    try:
        return None if schema_of(copy) else "there is no Anki collection in it"
    except sqlite3.Error as problem:
        return str(problem)


def _inside(collection: LibankiCollection) -> Iterator[Problem]:
    damage = collection.integrity_problems()
    if damage:
        yield Problem("error", f"is damaged: {'; '.join(damage[:MOST_NAMED])}", RESTORE)
        return
    for table, columns in NEEDED_COLUMNS.items():
        collection.rows(f"select {columns} from {table} limit 0")
    yield from _stamps(collection)
    yield from _times(collection)
    report, is_sound = collection.objects.fix_integrity()
    if not is_sound:
        lines = report.splitlines()[:-1] or [report]  # the last one says that it was optimized
        yield Problem(
            "warning", f"Anki would mend: {'; '.join(lines[:MOST_NAMED])}", CHECK_DATABASE
        )


def _stamps(collection: LibankiCollection) -> Iterator[Problem]:
    usn = collection.scalar("select usn from col")
    for table in STAMPED:
        pending, ahead = collection.row(
            f"select coalesce(sum(usn = -1), 0), coalesce(sum(usn > ?), 0) from {table}", usn
        )
        if pending:
            what = f"{pending} rows of {table} have no usn: every sync fails at its sanity check"
            yield Problem("error", what, FULL_SYNC)
        if ahead:
            what = f"{ahead} rows of {table} have a usn above the collection's ({usn})"
            yield Problem("warning", what, FULL_SYNC)


def _times(collection: LibankiCollection) -> Iterator[Problem]:
    modified = collection.scalar("select mod from col")
    if modified > time.time() * 1000 + DAY_MS:
        yield Problem("warning", "was changed in the future: a clock is or was wrong", CLOCK)
