"""`sanityCheck2`: do both sides count the same after the exchange?"""

from dataclasses import dataclass
from typing import Any, Final

from syncserver.collections.libanki import LibankiCollection
from syncserver.protocol.messages import SanityCounts
from syncserver.sync.row_counts import RowCounts, counted
from syncserver.sync.session import SyncSession

SMALL_TABLES: Final = ("notetypes", "decks", "deck_config")
# Whose rows carry the usn of their last change.
STAMPED_TABLES: Final = (
    *("cards", "notes", "revlog", "graves", "decks", "deck_config", "tags", "notetypes"),
)
NOT_COMPARED: Final = [0, 0, 0]


@dataclass(frozen=True, slots=True)
class SanityResult:
    """Whether the sides agree, and the answer to the client."""

    agrees: bool
    reply: dict[str, Any]


def sanity_check(
    collection: LibankiCollection, session: SyncSession, client: SanityCounts | str
) -> SanityResult:
    """Compare the client's counts with ours; due counts and graves are not compared.

    Old clients send a text instead of counts when their own check has failed.
    """
    if isinstance(client, str):
        server = _sanity_counts(collection, counted(collection))
        return SanityResult(False, {"status": "bad", "c": client, "s": server})
    client.due, client.graves = NOT_COMPARED, 0
    if _has_pending_rows(collection):
        return SanityResult(False, {"status": "bad", "c": client, "s": None})
    server = _compared_counts(collection, session, client)
    agrees = client == server
    status = "ok" if agrees else "bad"
    return SanityResult(agrees, {"status": status, "c": client, "s": server})


def _compared_counts(
    collection: LibankiCollection, session: SyncSession, client: SanityCounts
) -> SanityCounts:
    """Return our counts: kept ones if the client agrees with them, else the tables' own."""
    if session.counts is not None:
        server = _sanity_counts(collection, session.counts)
        if server == client:
            return server
    session.counts = counted(collection)
    return _sanity_counts(collection, session.counts)


def _sanity_counts(collection: LibankiCollection, counts: RowCounts) -> SanityCounts:
    small = ", ".join(f"(select count() from {table})" for table in SMALL_TABLES)
    notetypes, decks, deck_options = collection.row(f"select {small}")
    rows = counts.rows
    return SanityCounts(
        *(NOT_COMPARED, rows["cards"], rows["notes"], rows["revlog"], 0),
        *(notetypes, decks, deck_options),
    )


def _has_pending_rows(collection: LibankiCollection) -> bool:
    """Tell whether any object carries the usn -1, which only clients may have.

    Asked for by the least usn, which SQLite always finds by the index. Looking for -1 it reads whole
    tables once clients have collected statistics, which say that all rows have the same usn.
    """
    checks = " or ".join(
        f"coalesce((select min(usn) from {table}), 0) < 0" for table in STAMPED_TABLES
    )
    return bool(collection.scalar(f"select {checks}"))
