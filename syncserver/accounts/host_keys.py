"""The host keys: what a client keeps after its login and sends with every request.

A key is random and is stored only as a hash; each login has its own, which can be revoked alone.
"""

import re
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final

import structlog
from msgspec import Struct
from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, select, update

from syncserver import events
from syncserver.accounts.database import reading, writing
from syncserver.accounts.pending_uses import PendingUses
from syncserver.accounts.random_keys import KEY_PATTERN, key_hash, new_key, storable
from syncserver.accounts.recent_answers import RecentAnswers
from syncserver.accounts.tables import ADDRESS_LENGTH, CLIENT_VERSION_LENGTH, host_keys, users
from syncserver.accounts.users import USER_COLUMNS, User, check_still_current, user_of

_KEY: Final = re.compile(KEY_PATTERN)
# A revoked key is refused within a second, and half of that is enough to spare a busy sync nearly
# all look-ups.
_CACHE_SECONDS: Final = 0.5
_CACHE_ENTRIES: Final = 4096

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class HostKey:
    """What is known of one login; `last_used_at` is None until the key's first use."""

    id: int
    client_version: str
    created_at: datetime
    last_used_at: datetime | None
    address: str


@dataclass(frozen=True, slots=True)
class Device:
    """Who is calling: a user, and by which of the user's keys."""

    user: User
    key_id: int


class _Use(Struct, frozen=True):
    client_version: str
    address: str
    at: datetime


class HostKeys:
    """All host keys of one account database; safe to use from many threads and processes."""

    def __init__(self, engine: Engine, keys_per_user: int) -> None:
        self._engine = engine
        self._keys_per_user = keys_per_user
        self._recent = RecentAnswers[Device | None](_CACHE_SECONDS, _CACHE_ENTRIES)
        self._uses = PendingUses[_Use]()

    def issue(self, user: User, client_version: str, address: str) -> str:
        """Return a new key for `user`; beyond the limit of keys the longest unused one goes.

        Raises WrongCredentials when the user has been deleted, or has got another password, since
        `user` was read.
        """
        key = new_key()
        with writing(self._engine) as connection:
            check_still_current(connection, user)
            _delete_longest_unused(connection, user, keep=self._keys_per_user - 1)
            connection.execute(
                insert(host_keys).values(
                    user_id=user.id,
                    key_hash=key_hash(key),
                    client_version=storable(client_version, CLIENT_VERSION_LENGTH),
                    created_at=datetime.now(timezone.utc),
                    address=storable(address, ADDRESS_LENGTH),
                )
            )
        return key

    def authenticate(self, key: str) -> Device | None:
        """Return whose key this is, None when it is nobody's (any more).

        Answers are reused for less than a second. Raises ServerBusy.
        """
        if not _KEY.fullmatch(key):
            return None
        hashed = key_hash(key)
        # Taken before the database is asked: the answer is as old as the question.
        asked_at = time.monotonic()
        known, device = self._recent.get(hashed, asked_at)
        if not known:
            device = self._look_up(hashed)
            self._recent.put(hashed, device, asked_at)
        return device

    def note_use(self, device: Device, client_version: str, address: str) -> None:
        """Remember, until `flush_uses`, that a key was used; an empty version leaves the old one."""
        now = datetime.now(timezone.utc)

        def merge(earlier: _Use | None) -> _Use:
            kept = earlier.client_version if earlier else ""
            return _Use(client_version or kept, address, now)

        self._uses.note(device.key_id, merge)

    def flush_uses(self) -> None:
        """Write what `note_use` collected. Raises ServerBusy, and then keeps it for next time."""
        self._uses.flush(self._write_uses)

    def of_user(self, user: User) -> list[HostKey]:
        """Return the keys of `user`, the oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(
                    host_keys.c.id,
                    host_keys.c.client_version,
                    host_keys.c.created_at,
                    host_keys.c.last_used_at,
                    host_keys.c.address,
                )
                .where(host_keys.c.user_id == user.id)
                .order_by(host_keys.c.id)
            )
            return [HostKey(*row) for row in rows]

    def revoke(self, user: User, key_id: int | None) -> int:
        """Revoke one key of `user`, or all for None; return how many there were."""
        chosen = delete(host_keys).where(host_keys.c.user_id == user.id)
        if key_id is not None:
            chosen = chosen.where(host_keys.c.id == key_id)
        with writing(self._engine) as connection:
            revoked = connection.execute(chosen).rowcount
        if revoked:
            log.info(events.KEY_REVOKED, user=user.name, key_id=key_id, revoked=revoked)
        return revoked

    def _write_uses(self, uses: list[tuple[int, _Use]]) -> None:
        with writing(self._engine) as connection:
            connection.execute(_NOTE_USE, [_use_row(*use) for use in uses])

    def _look_up(self, hashed: str) -> Device | None:
        with reading(self._engine) as connection:
            row = connection.execute(_BY_HASH.where(host_keys.c.key_hash == hashed)).first()
        return None if row is None else Device(user_of(row), row.key_id)


_BY_HASH: Final = select(host_keys.c.id.label("key_id"), *USER_COLUMNS).join_from(host_keys, users)

_NOTE_USE: Final = (
    update(host_keys)
    .where(host_keys.c.id == bindparam("used_key"))
    .values(
        last_used_at=bindparam("used_at"),
        address=bindparam("used_from"),
        client_version=func.coalesce(
            func.nullif(bindparam("used_by"), ""), host_keys.c.client_version
        ),
    )
)


def _use_row(key_id: int, use: _Use) -> dict[str, object]:
    return {
        "used_key": key_id,
        "used_at": use.at,
        "used_from": storable(use.address, ADDRESS_LENGTH),
        "used_by": storable(use.client_version, CLIENT_VERSION_LENGTH),
    }


def _delete_longest_unused(connection: Connection, user: User, *, keep: int) -> None:
    last_used = func.coalesce(host_keys.c.last_used_at, host_keys.c.created_at)
    too_many = connection.scalars(
        select(host_keys.c.id)
        .where(host_keys.c.user_id == user.id)
        .order_by(last_used.desc(), host_keys.c.id.desc())
        .offset(keep)
    ).all()
    if too_many:
        connection.execute(delete(host_keys).where(host_keys.c.id.in_(too_many)))
