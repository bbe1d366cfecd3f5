"""The journal: what each user's devices have synced, kept for a while and for people to read.

Entries are collected in memory and written by housekeeping, so that no sync waits for them. A crash
loses those of the last seconds, which costs nobody a card.
"""

import json
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, func, insert, or_, select

from syncserver.accounts.database import reading, writing
from syncserver.accounts.random_keys import storable
from syncserver.accounts.tables import (
    CLIENT_VERSION_LENGTH,
    REASON_LENGTH,
    sync_journal,
    users,
)
from syncserver.accounts.users import User
from syncserver.sync_record import SyncRecord

# Of one user, however young they are.
MOST_ENTRIES: Final = 1000
# While the database cannot be written, the oldest of more are lost.
MOST_PENDING: Final = 10_000

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One entry as it is kept; `user` is the name, `device` the key, counts are by kind."""

    user: str
    device: int
    client: str
    kind: str
    outcome: str
    started_at: datetime
    milliseconds: int
    received: Counts
    sent: Counts
    won_by_client: Counts
    won_by_server: Counts
    bytes_in: int
    bytes_out: int
    reason: str


@dataclass(frozen=True, slots=True)
class Total:
    """How many entries of one kind ended in one way, and their bytes."""

    kind: str
    outcome: str
    count: int
    bytes_in: int
    bytes_out: int


class SyncJournal:
    """The journals of all users of one account database; safe to use from many threads."""

    def __init__(self, engine: Engine, days: int) -> None:
        """Keep entries for `days`; with 0 there is no journal."""
        self._engine = engine
        self._days = days
        self._pending: deque[SyncRecord] = deque(maxlen=MOST_PENDING)
        self._lock = threading.Lock()

    def note(self, record: SyncRecord) -> None:
        """Remember, until `flush`, what has happened."""
        if self._days:
            with self._lock:
                self._pending.append(record)

    def flush(self) -> None:
        """Write what `note` collected. Raises ServerBusy, and then keeps it for next time."""
        with self._lock:
            records = list(self._pending)
            self._pending.clear()
        if not records:
            return
        try:
            with writing(self._engine) as connection:
                self._write(connection, records)
        except BaseException:
            with self._lock:
                self._pending = deque([*records, *self._pending], maxlen=MOST_PENDING)
            raise

    def of_user(self, user: User, limit: int) -> list[JournalEntry]:
        """Return the newest entries of `user`, the newest first."""
        chosen = _SELECT.where(sync_journal.c.user_id == user.id)
        return self._entries(chosen.order_by(sync_journal.c.id.desc()).limit(limit))

    def slowest(self, since: datetime, limit: int) -> list[JournalEntry]:
        """Return the entries since a moment that took longest, the slowest first."""
        chosen = _SELECT.where(sync_journal.c.ended_at >= since)
        return self._entries(chosen.order_by(sync_journal.c.milliseconds.desc()).limit(limit))

    def totals(self, since: datetime) -> list[Total]:
        """Return how many of each kind have ended in each way since a moment."""
        columns = (sync_journal.c.kind, sync_journal.c.outcome)
        # PostgreSQL makes decimals of sums of large integers.
        sums = (func.sum(sync_journal.c.bytes_in), func.sum(sync_journal.c.bytes_out))
        chosen = select(*columns, func.count(), *sums).where(sync_journal.c.ended_at >= since)
        with reading(self._engine) as connection:
            rows = connection.execute(chosen.group_by(*columns).order_by(*columns)).all()
        return [Total(row[0], row[1], row[2], int(row[3]), int(row[4])) for row in rows]

    def newest_end(self) -> datetime | None:
        """Return when, by this server's clock, the newest entry ended."""
        newest = select(sync_journal.c.ended_at).order_by(sync_journal.c.id.desc()).limit(1)
        with reading(self._engine) as connection:
            return connection.scalar(newest)

    def forget_old(self) -> None:
        """Drop what is older than the days for which entries are kept."""
        with writing(self._engine) as connection:
            connection.execute(
                delete(sync_journal).where(sync_journal.c.ended_at < self._oldest_kept())
            )

    def _entries(self, chosen: Any) -> list[JournalEntry]:
        with reading(self._engine) as connection:
            return [_entry(row) for row in connection.execute(chosen)]

    def _write(self, connection: Connection, records: Sequence[SyncRecord]) -> None:
        wanted = {record.who.user_id for record in records}
        # Who was deleted meanwhile has no journal.
        known = set(connection.scalars(select(users.c.id).where(users.c.id.in_(wanted))))
        rows = [_row(record) for record in records if record.who.user_id in known]
        if rows:
            connection.execute(insert(sync_journal), rows)
        for user_id in sorted(known):
            self._drop_beyond_limit(connection, user_id)

    def _drop_beyond_limit(self, connection: Connection, user_id: int) -> None:
        first_too_many = (
            select(sync_journal.c.id)
            .where(sync_journal.c.user_id == user_id)
            .order_by(sync_journal.c.id.desc())
            .offset(MOST_ENTRIES)
            .limit(1)
            .scalar_subquery()
        )
        connection.execute(
            delete(sync_journal).where(
                sync_journal.c.user_id == user_id,
                or_(
                    sync_journal.c.id <= first_too_many,
                    sync_journal.c.ended_at < self._oldest_kept(),
                ),
            )
        )

    def _oldest_kept(self) -> datetime:
        return datetime.now(timezone.utc) - timedelta(days=self._days)


_SELECT: Final = select(sync_journal, users.c.name).join_from(sync_journal, users)


def _row(record: SyncRecord) -> dict[str, object]:
    tally = record.tally
    counts = {
        "received": _plain(tally.received),
        "sent": _plain(tally.sent),
        "won_by_client": _plain(tally.won_by_client),
        "won_by_server": _plain(tally.won_by_server),
    }
    return {
        "user_id": record.who.user_id,
        "key_id": record.who.key_id,
        "client_version": storable(record.who.client, CLIENT_VERSION_LENGTH),
        "kind": record.kind.value,
        "outcome": record.outcome.value,
        "started_at": record.started_at,
        "ended_at": record.started_at + timedelta(milliseconds=record.milliseconds),
        "milliseconds": record.milliseconds,
        "bytes_in": tally.bytes_in,
        "bytes_out": tally.bytes_out,
        "counts": json.dumps(counts),
        "reason": storable(record.reason, REASON_LENGTH),
    }


def _plain(counted: Counter[str]) -> Counts:
    return {kind: count for kind, count in sorted(counted.items()) if count}


def _entry(row: Any) -> JournalEntry:
    counts: Mapping[str, Counts] = json.loads(row.counts)
    return JournalEntry(
        user=row.name,
        device=row.key_id,
        client=row.client_version,
        kind=row.kind,
        outcome=row.outcome,
        started_at=row.started_at,
        milliseconds=row.milliseconds,
        received=counts["received"],
        sent=counts["sent"],
        won_by_client=counts["won_by_client"],
        won_by_server=counts["won_by_server"],
        bytes_in=row.bytes_in,
        bytes_out=row.bytes_out,
        reason=row.reason,
    )
