"""The API tokens: what a program sends in the place of a name and a password.

A token is random and is stored only as a hash. The operator makes lasting ones; a login with the
password makes short-lived ones, which end with the password.
"""

import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Engine, bindparam, delete, insert, or_, select, update

from syncserver import events
from syncserver.accounts.database import reading, writing
from syncserver.accounts.pending_uses import PendingUses
from syncserver.accounts.random_keys import KEY_PATTERN, key_hash, new_key, storable
from syncserver.accounts.recent_answers import RecentAnswers
from syncserver.accounts.scopes import Scope
from syncserver.accounts.tables import ADDRESS_LENGTH, TOKEN_NAME_LENGTH, api_tokens, users
from syncserver.accounts.users import USER_COLUMNS, User, check_still_current, user_of

# Says what it is to whoever finds it somewhere, and to programs that look for leaked secrets.
_PREFIX: Final = "syncserver_"
_TOKEN: Final = re.compile(_PREFIX + KEY_PATTERN)
# As for host keys: a revoked token is refused within a second.
_CACHE_SECONDS: Final = 0.5
_CACHE_ENTRIES: Final = 4096
# Of one user; the oldest one goes.
_MOST_LOGINS: Final = 100

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What is known of one token; it never expires when `expires_at` is None."""

    id: int
    name: str
    scope: Scope
    from_login: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    address: str


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who is calling: a user, by which of the user's tokens, and what that may do."""

    user: User
    token_id: int
    scope: Scope
    expires_at: datetime | None

    def is_expired(self) -> bool:
        """Tell whether the token's time is over."""
        return self.expires_at is not None and self.expires_at <= datetime.now(timezone.utc)


@dataclass(frozen=True, slots=True)
class _Use:
    address: str
    at: datetime


class ApiTokens:
    """All tokens of one account database; safe to use from many threads and processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._recent = RecentAnswers[Bearer | None](_CACHE_SECONDS, _CACHE_ENTRIES)
        self._uses = PendingUses[_Use]()

    def add(self, user: User, name: str, scope: Scope, expires_at: datetime | None) -> str:
        """Return a new token for `user`; None never expires.

        Raises WrongCredentials when the user was deleted since `user` was read.
        """
        with writing(self._engine) as connection:
            token = _insert(connection, user, _row(name, scope, expires_at))
        log.info(events.TOKEN_ADDED, user=user.name, name=name, scope=scope.value)
        return token

    def issue_for_login(
        self, user: User, scope: Scope, lifetime_seconds: int, address: str
    ) -> tuple[str, datetime]:
        """Return a short-lived token for somebody who has just given the password, and its end.

        Tokens of earlier logins that are over are removed. Raises WrongCredentials.
        """
        expires_at = datetime.now(timezone.utc) + timedelta(seconds=lifetime_seconds)
        row = {**_row("login", scope, expires_at), "from_login": True, "address": address}
        with writing(self._engine) as connection:
            token = _insert(connection, user, row)
            _delete_old_logins(connection, user)
        return token, expires_at

    def authenticate(self, token: str) -> Bearer | None:
        """Return whose token this is, None when it is nobody's (any more) or has expired.

        Answers are reused for less than a second. Raises ServerBusy.
        """
        if not _TOKEN.fullmatch(token):
            return None
        hashed = key_hash(token)
        # Taken before the database is asked: the answer is as old as the question.
        asked_at = time.monotonic()
        known, bearer = self._recent.get(hashed, asked_at)
        if not known:
            bearer = self._look_up(hashed)
            self._recent.put(hashed, bearer, asked_at)
        return None if bearer is None or bearer.is_expired() else bearer

    def note_use(self, bearer: Bearer, address: str) -> None:
        """Remember, until `flush_uses`, that a token was used."""
        use = _Use(address, datetime.now(timezone.utc))
        self._uses.note(bearer.token_id, lambda _earlier: use)

    def flush_uses(self) -> None:
        """Write what `note_use` collected. Raises ServerBusy, and then keeps it for next time."""
        self._uses.flush(self._write_uses)

    def of_user(self, user: User) -> list[ApiToken]:
        """Return the tokens of `user`, expired ones too, the oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(api_tokens).where(api_tokens.c.user_id == user.id).order_by(api_tokens.c.id)
            )
            return [_token(row) for row in rows]

    def describe(self, token: str) -> ApiToken:
        """Return what is known of a token that exists."""
        chosen = select(api_tokens).where(api_tokens.c.token_hash == key_hash(token))
        with reading(self._engine) as connection:
            return _token(connection.execute(chosen).one())

    def revoke(self, user: User, token_id: int) -> bool:
        """Revoke one token of `user`; tell whether there was one."""
        chosen = delete(api_tokens).where(
            api_tokens.c.user_id == user.id, api_tokens.c.id == token_id
        )
        with writing(self._engine) as connection:
            revoked = connection.execute(chosen).rowcount > 0
        if revoked:
            log.info(events.TOKEN_REVOKED, user=user.name, token=token_id)
        return revoked

    def _write_uses(self, uses: list[tuple[int, _Use]]) -> None:
        rows = [
            {
                "used_token": token_id,
                "used_at": use.at,
                "used_from": storable(use.address, ADDRESS_LENGTH),
            }
            for token_id, use in uses
        ]
        with writing(self._engine) as connection:
            connection.execute(_NOTE_USE, rows)

    def _look_up(self, hashed: str) -> Bearer | None:
        with reading(self._engine) as connection:
            row = connection.execute(_BY_HASH.where(api_tokens.c.token_hash == hashed)).first()
        if row is None:
            return None
        return Bearer(user_of(row), row.token_id, Scope(row.scope), row.expires_at)


_BY_HASH: Final = select(
    api_tokens.c.id.label("token_id"),
    api_tokens.c.scope,
    api_tokens.c.expires_at,
    *USER_COLUMNS,
).join_from(api_tokens, users)

_NOTE_USE: Final = (
    update(api_tokens)
    .where(api_tokens.c.id == bindparam("used_token"))
    .values(last_used_at=bindparam("used_at"), address=bindparam("used_from"))
)


def _row(name: str, scope: Scope, expires_at: datetime | None) -> dict[str, Any]:
    return {
        "name": storable(name, TOKEN_NAME_LENGTH),
        "scope": scope.value,
        "from_login": False,
        "expires_at": expires_at,
        "address": "",
    }


def _insert(connection: Connection, user: User, row: dict[str, Any]) -> str:
    check_still_current(connection, user)
    token = _PREFIX + new_key()
    connection.execute(
        insert(api_tokens).values(
            {
                **row,
                "user_id": user.id,
                "token_hash": key_hash(token),
                "created_at": datetime.now(timezone.utc),
                "address": storable(row["address"], ADDRESS_LENGTH),
            }
        )
    )
    return token


def _delete_old_logins(connection: Connection, user: User) -> None:
    of_logins = (api_tokens.c.user_id == user.id, api_tokens.c.from_login.is_(True))
    newest = (
        select(api_tokens.c.id)
        .where(*of_logins)
        .order_by(api_tokens.c.id.desc())
        .limit(_MOST_LOGINS)
    )
    over = api_tokens.c.expires_at <= datetime.now(timezone.utc)
    connection.execute(
        delete(api_tokens).where(*of_logins, or_(over, api_tokens.c.id.not_in(newest)))
    )


def _token(row: Any) -> ApiToken:
    return ApiToken(
        id=row.id,
        name=row.name,
        scope=Scope(row.scope),
        from_login=row.from_login,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        address=row.address,
    )
