"""`chunk` and `applyChunk`: the rows of cards, notes and reviews, some hundreds at a time."""

from array import array
from typing import Any, Final

import msgspec

from syncserver import one_processor
from syncserver.collections.libanki import LibankiCollection
from syncserver.protocol.messages import Chunk, RevlogRow
from syncserver.sync.conflicts import count_rows
from syncserver.sync.note_rows import complete_note_rows
from syncserver.sync.row_counts import new_rows
from syncserver.sync.session import RowIds, SyncSession

# Clients send 250 rows at a time, but take any number: fewer round trips are better for everybody.
ROWS_PER_CHUNK: Final = 1000
# A chunk that is as large as this is sent with fewer rows, so that memory is bounded; a query that
# would bring more than this is asked for fewer.
ENOUGH_BYTES: Final = 1024 * 1024
ROWS_PER_QUERY: Final = 100
# From so many on it takes milliseconds, nearly all of them in SQLite.
MANY_ROWS: Final = 100
REVLOG_TYPES: Final = range(6)
MANUAL_OR_UNKNOWN: Final = 0

REVLOG_SQL: Final = "id, cid, usn, ease, ivl, lastIvl, factor, time, type"
CARD_SQL: Final = (
    "id, nid, did, ord, mod, usn, type, queue, due, ivl, factor, reps, lapses, left, odue, odid,"
    " flags, data"
)

CARD_COLUMNS: Final = tuple(CARD_SQL.replace(" ", "").split(","))
NOTE_COLUMNS: Final = (
    *("id", "guid", "mid", "mod", "usn", "tags", "flds", "sfld", "csum", "flags", "data"),
)


# JSON has no blobs, which a column of texts can hold. The last four columns of a note go out empty:
# every side computes them for itself.
SENT_COLUMNS: Final = {
    "revlog": REVLOG_SQL,
    "cards": CARD_SQL.replace("data", "cast(data as text)"),
    "notes": (
        "id, cast(guid as text), mid, mod, usn, cast(tags as text), cast(flds as text), '', '', 0, ''"
    ),
}

# What may be long in a row, in bytes; SQLite knows it without reading it.
LENGTHS: Final = {
    "cards": "octet_length(data)",
    "notes": "octet_length(flds) + octet_length(tags) + octet_length(guid)",
}


def next_chunk(collection: LibankiCollection, session: SyncSession) -> dict[str, Any]:
    """Return the next rows that are new to the client; `done` is true with the last of them.

    Which rows they are is settled at the first call, before the client's own rows arrive, so that
    those are not sent back.
    """
    if session.to_send is None:
        session.to_send = _pending(collection, session)
    if sum(map(len, session.to_send.values())) >= MANY_ROWS:
        one_processor.spread()
    chunk: dict[str, Any] = {}
    room, size = ROWS_PER_CHUNK, 0
    for table, ids in session.to_send.items():
        parts = []
        while ids and room and size < ENOUGH_BYTES:
            taken, rows = _next_rows(collection, table, ids, min(room, ROWS_PER_QUERY))
            session.tally.sent[table] += taken
            room -= taken
            size += len(rows)
            if rows:
                parts.append(rows)
        if parts:
            chunk[table] = msgspec.Raw(f"[{','.join(parts)}]".encode())
    chunk["done"] = not any(session.to_send.values())
    return chunk


def _next_rows(
    collection: LibankiCollection, table: str, ids: RowIds, count: int
) -> tuple[int, str]:
    """Take up to `count` ids from the end of the list; return how many, and their rows as JSON."""
    wanted = ids[-count:]
    while len(wanted) > 1 and not (rows := _rows_as_json(collection, table, wanted, ENOUGH_BYTES)):
        wanted = wanted[len(wanted) // 2 :]
    if len(wanted) == 1:
        rows = _rows_as_json(collection, table, wanted)
    del ids[-len(wanted) :]
    return len(wanted), rows


def _rows_as_json(
    collection: LibankiCollection, table: str, ids: RowIds, at_most: int | None = None
) -> str:
    """Return rows as arrays of JSON, with commas between them, which SQLite writes fastest.

    Empty if they have more than `at_most` bytes. The ids, which come from the database, are written
    into the query: that takes half the time that handing them over as values does.
    """
    wanted = f"id in ({','.join(map(str, ids))})"
    if at_most is not None and (lengths := LENGTHS.get(table)):
        wanted += f" and (select sum({lengths}) from {table} where {wanted}) <= {at_most}"
    rows: str | None = collection.scalar(
        f"select group_concat(json_array({SENT_COLUMNS[table]})) from {table} where {wanted}"
    )
    return rows or ""


def apply_chunk(collection: LibankiCollection, session: SyncSession, chunk: Chunk) -> None:
    """Store the client's rows by the merge rules; all of them get the session's server usn.

    Raises BadRequest when a note does not fit its notetype.
    """
    session.may_begin_again = False
    if len(chunk.revlog) + len(chunk.cards) + len(chunk.notes) >= MANY_ROWS:
        one_processor.spread()
    usn = session.server_usn
    _count_rows(collection, session, chunk)
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
    for table, rows in (("revlog", chunk.revlog), ("cards", chunk.cards), ("notes", chunk.notes)):
        if rows:
            session.tally.received[table] += len(rows)


def _count_rows(collection: LibankiCollection, session: SyncSession, chunk: Chunk) -> None:
    if session.counts is not None:
        new_reviews = new_rows(collection, "revlog", [row[0] for row in chunk.revlog])
        session.counts.add("revlog", new_reviews)
    count_rows(collection, session, "cards", {row[0]: int(row[4]) for row in chunk.cards})
    count_rows(collection, session, "notes", {row[0]: row[3] for row in chunk.notes})


def _pending(collection: LibankiCollection, session: SyncSession) -> dict[str, RowIds]:
    """Return the ids of all rows that are new to the client.

    As one text for each table: rows of a query are Python objects, for each id several times as much.
    """
    selects = [
        f"(select group_concat(id) from {table} where {session.new_to_client})"
        for table in SENT_COLUMNS
    ]
    texts = collection.row(f"select {', '.join(selects)}", session.client_usn)
    return {table: _ids(text or "") for table, text in zip(SENT_COLUMNS, texts, strict=True)}


def _ids(text: str) -> RowIds:
    return array("q", msgspec.json.decode(f"[{text}]", type=list[int]))


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
