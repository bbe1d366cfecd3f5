"""Row counts of the large tables, kept from sync to sync instead of counted at each.

Counting reads a whole index, so its cost grows with the collection, while a small sync changes a
few rows. Under the lease nobody else changes them: whoever merges rows tells how many were new. The
counts belong to an open collection and are gone when it is closed, as after every roll-back.

They are counted afresh after anything that was not told: SQLite's own number of changed rows says
whether somebody else has written. Now and then they are counted anyway, to prove themselves.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from syncserver import events, one_processor
from syncserver.collections.libanki import LibankiCollection
from syncserver.collections.page_cache import forget_pages

LARGE_TABLES: Final = ("cards", "notes", "revlog")
# So many times kept counts are believed before they are compared with the tables.
BELIEVED: Final = 50

log = structlog.get_logger()


@dataclass(slots=True)
class RowCounts:
    """How many rows each large table has, and SQLite's number of changes as of which that is so."""

    rows: dict[str, int]
    as_of: int
    believed: int = 0

    def add(self, table: str, count: int) -> None:
        """Take note of new rows."""
        self.rows[table] += count


def trusted_counts(collection: LibankiCollection) -> RowCounts | None:
    """Return the kept counts at the start of a sync; None when they have to be counted afresh."""
    counts = collection.kept
    if not isinstance(counts, RowCounts) or counts.as_of != _changes(collection):
        return None
    counts.believed += 1
    if counts.believed > BELIEVED:
        _prove(collection, counts)
        return None
    return counts


def keep(collection: LibankiCollection, counts: RowCounts | None) -> None:
    """Keep the counts of a sync that is about to be committed, after its last write."""
    if counts is not None:
        counts.as_of = _changes(collection)
    collection.kept = counts


def counted(collection: LibankiCollection) -> RowCounts:
    """Count the large tables."""
    one_processor.spread()
    columns = ", ".join(f"(select count() from {table})" for table in LARGE_TABLES)
    rows = dict(zip(LARGE_TABLES, collection.row(f"select {columns}"), strict=True))
    # A whole index of each, which nothing else of a sync looks at.
    forget_pages(collection)
    return RowCounts(rows, as_of=0)


def new_rows(collection: LibankiCollection, table: str, ids: Sequence[int]) -> int:
    """Return how many different ones of `ids` the table does not have yet."""
    if not ids:
        return 0
    stored = collection.scalar(
        f"select count() from {table} where id in (select value from json_each(?))",
        json.dumps(ids),
    )
    return len(set(ids)) - int(stored)


def _changes(collection: LibankiCollection) -> int:
    return int(collection.scalar("select total_changes()"))


def _prove(collection: LibankiCollection, kept: RowCounts) -> None:
    fresh = counted(collection)
    if fresh.rows != kept.rows:
        log.error(events.COUNTS_WRONG, kept=kept.rows, counted=fresh.rows)
