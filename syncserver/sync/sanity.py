"""`sanityCheck2`: do both sides count the same after the exchange?"""

from dataclasses import dataclass
from typing import Any, Final

from syncserver.collections.libanki import LibankiCollection
from syncserver.protocol.messages import SanityCounts

COUNTED_TABLES: Final = ("cards", "notes", "revlog", "notetypes", "decks", "deck_config")
STAMPED_TABLES: Final = (
    *("cards", "notes", "revlog", "graves", "decks", "deck_config", "tags", "notetypes"),
)
NOT_COMPARED: Final = [0, 0, 0]


@dataclass(frozen=True, slots=True)
class SanityResult:
    """Whether the sides agree, and the answer to the client."""

    agrees: bool
    reply: dict[str, Any]


def sanity_check(collection: LibankiCollection, client: SanityCounts | str) -> SanityResult:
    """Compare the client's counts with ours; due counts and graves are not compared.

    Old clients send a text instead of counts when their own check has failed.
    """
    if isinstance(client, str):
        return SanityResult(False, {"status": "bad", "c": client, "s": _counts(collection)})
    client.due, client.graves = NOT_COMPARED, 0
    if _has_pending_rows(collection):
        return SanityResult(False, {"status": "bad", "c": client, "s": None})
    server = _counts(collection)
    agrees = client == server
    status = "ok" if agrees else "bad"
    return SanityResult(agrees, {"status": status, "c": client, "s": server})


def _counts(collection: LibankiCollection) -> SanityCounts:
    counts = ", ".join(f"(select count() from {table})" for table in COUNTED_TABLES)
    cards, notes, revlog, notetypes, decks, deck_options = collection.row(f"select {counts}")
    return SanityCounts(NOT_COMPARED, cards, notes, revlog, 0, notetypes, decks, deck_options)


def _has_pending_rows(collection: LibankiCollection) -> bool:
    """Tell whether any object carries the usn -1, which only clients may have."""
    checks = " or ".join(
        f"exists (select 1 from {table} where usn = -1)" for table in STAMPED_TABLES
    )
    return bool(collection.scalar(f"select {checks}"))
