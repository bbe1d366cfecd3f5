"""`chunk` and `applyChunk`: the rows of cards, notes and reviews, some 250 at a time."""

from typing import Any, Final

from syncserver.collections.libanki import LibankiCollection
from syncserver.protocol.messages import Chunk, RevlogRow
from syncserver.sync.note_rows import complete_note_rows
from syncserver.sync.row_counts import new_rows
from syncserver.sync.session import PendingRows, RowIds, SyncSession

ROWS_PER_CHUNK: Final = 250
REVLOG_TYPES: Final = range(6)
MANUAL_OR_UNKNOWN: Final = 0

# The last four columns of a note go out empty: every side computes them for itself.
REVLOG_SQL: Final = "id, cid, usn, ease, ivl, lastIvl, factor, time, type"
CARD_SQL: Final = (
    "id, nid, did, ord, mod, usn, type, queue, due, ivl, factor, reps, lapses, left, odue, odid,"
    " flags, data"
)
NOTE_SQL: Final = "id, guid, mid, mod, usn, tags, flds, '', '', 0, ''"

CARD_COLUMNS: Final = tuple(CARD_SQL.replace(" ", "").split(","))
NOTE_COLUMNS: Final = (
    *("id", "guid", "mid", "mod", "usn", "tags", "flds", "sfld", "csum", "flags", "data"),
)


def next_chunk(collection: LibankiCollection, session: SyncSession) -> dict[str, Any]:
    """Return the next rows that are new to the client; `done` is true with the last of them.

    Which rows they are is settled at the first call, before the client's own rows arrive, so that
    those are not sent back.
    """
    if session.to_send is None:
        session.to_send = _pending(collection, session)
    pending = session.to_send
    chunk: dict[str, Any] = {"done": False}
    room = ROWS_PER_CHUNK
    for key, columns, ids in (
        ("revlog", REVLOG_SQL, pending.revlog),
        ("cards", CARD_SQL, pending.cards),
        ("notes", NOTE_SQL, pending.notes),
    ):
        taken = _take(ids, room)
        if taken:
            marks = ",".join("?" * len(taken))
            chunk[key] = collection.rows(
                f"select {columns} from {key} where id in ({marks})", *taken
            )
            room -= len(taken)
    chunk["done"] = room > 0
    session.rows_sent += ROWS_PER_CHUNK - room
    return chunk


def apply_chunk(collection: LibankiCollection, session: SyncSession, chunk: Chunk) -> None:
    """Store the client's rows by the merge rules; all of them get the session's server usn.

    Raises BadRequest when a note does not fit its notetype.
    """
    usn = session.server_usn
    _count_new_rows(collection, session, chunk)
    collection.execute_many(
        f"insert or ignore into revlog ({REVLOG_SQL}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_revlog_values(row, usn) for row in chunk.revlog],
    )
    collection.execute_many(
        _merge_sql("cards", CARD_COLUMNS, session),
        [[*_card_values(row, usn), session.client_usn] for row in chunk.cards],
    )
    collection.execute_many(
        _merge_sql("notes", NOTE_COLUMNS, session),
        [
            [*row, session.client_usn]
            for row in complete_note_rows(collection, session, chunk.notes)
        ],
    )
    session.rows_received += len(chunk.revlog) + len(chunk.cards) + len(chunk.notes)


def _count_new_rows(collection: LibankiCollection, session: SyncSession, chunk: Chunk) -> None:
    if session.counts is None:
        return
    for table, rows in (("revlog", chunk.revlog), ("cards", chunk.cards), ("notes", chunk.notes)):
        session.counts.add(table, new_rows(collection, table, [row[0] for row in rows]))


def _pending(collection: LibankiCollection, session: SyncSession) -> PendingRows:
    revlog, cards, notes = (
        collection.column(
            f"select id from {table} where {session.new_to_client}", session.client_usn
        )
        for table in ("revlog", "cards", "notes")
    )
    return PendingRows(revlog, cards, notes)


def _take(ids: RowIds, count: int) -> RowIds:
    """Remove up to `count` ids from the end of the list and return them."""
    taken = ids[len(ids) - min(count, len(ids)) :]
    del ids[len(ids) - len(taken) :]
    return taken


def _merge_sql(table: str, columns: tuple[str, ...], session: SyncSession) -> str:
    """Return SQL that inserts a row, or replaces the stored one if the merge rule says so.

    It does when the server's row has not changed since the client's last sync, or is older
    (section 2.7 of the protocol facts). Takes the columns' values and `client_usn`.
    """
    updates = ", ".join(f"{column} = excluded.{column}" for column in columns[1:])
    return (
        f"insert into {table} ({', '.join(columns)}) values ({', '.join('?' * len(columns))})"
        f" on conflict (id) do update set {updates}"
        f" where {table}.{session.unchanged_since_client} or {table}.mod < excluded.mod"
    )


def _revlog_values(row: RevlogRow, usn: int) -> list[Any]:
    interval, last_interval = int(row[4]), int(row[5])
    factor, milliseconds = max(0, int(row[6])), max(0, int(row[7]))
    return [
        *(row[0], row[1], usn, row[3], interval, last_interval),
        *(factor, milliseconds, _revlog_type(row[8])),
    ]


def _card_values(row: tuple[Any, ...], usn: int) -> list[Any]:
    """Return a card's columns with whole numbers; old clients compute some with floats."""
    values = list(row)
    values[4], values[8], values[14] = int(row[4]), int(row[8]), int(row[14])
    values[5] = usn
    values[9] = max(0, int(row[9]))
    return values


def _revlog_type(value: object) -> int:
    known = type(value) is int and value in REVLOG_TYPES
    return value if known else MANUAL_OR_UNKNOWN  # type: ignore[return-value]
