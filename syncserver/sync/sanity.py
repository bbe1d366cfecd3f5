"""`sanityCheck2`: do both sides count the same after the exchange?"""

from collections.abc import Sequence
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

# Does any object carry the usn -1, which only clients may have, and how many are in the small
# tables? Asked for by the least usn, which SQLite always finds by the index. Looking for -1 it reads
# whole tables once clients have collected statistics, which say that all rows have the same usn.
_PENDING: Final = " or ".join(
    f"coalesce((select min(usn) from {table}), 0) < 0" for table in STAMPED_TABLES
)
_SMALL_COUNTS: Final = ", ".join(f"(select count() from {table})" for table in SMALL_TABLES)
_LOOK: Final = f"select {_PENDING}, {_SMALL_COUNTS}"


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
    any_pending, *small = collection.row(_LOOK)
    if isinstance(client, str):
        server = _sanity_counts(counted(collection), small)
        return SanityResult(False, {"status": "bad", "c": client, "s": server})
    client.due, client.graves = NOT_COMPARED, 0
    if any_pending:
        return SanityResult(False, {"status": "bad", "c": client, "s": None})
    if session.counts is None or _sanity_counts(session.counts, small) != client:
        # What was kept may be wrong; the tables themselves are not.
        session.counts = counted(collection)
    server = _sanity_counts(session.counts, small)
    agrees = client == server
    return SanityResult(agrees, {"status": "ok" if agrees else "bad", "c": client, "s": server})


def _sanity_counts(counts: RowCounts, small: Sequence[int]) -> SanityCounts:
    rows = counts.rows
    return SanityCounts(NOT_COMPARED, rows["cards"], rows["notes"], rows["revlog"], 0, *small)
