"""The users: adding, finding, deleting them, and checking their passwords."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Engine, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from syncserver import events
from syncserver.accounts.database import reading, writing
from syncserver.accounts.folder_names import (
    BadUserName,
    folder_name,
    new_user_name,
    normalise_user_name,
)
from syncserver.accounts.old_hashes import PBKDF2, ROUNDS_DIGITS, OldHash, rounds_of
from syncserver.accounts.passwords import Passwords
from syncserver.accounts.tables import api_tokens, folder_purges, host_keys, users
from syncserver.accounts.user_limits import NO_LIMITS, UserLimits
from syncserver.errors import WrongCredentials

__all__ = ["BadUserName", "UnknownUser", "User", "UserExists", "Users"]

log = structlog.get_logger()


class UserExists(Exception):
    """The name, or the folder that belongs to it, is taken; the message is for the operator."""


class UnknownUser(Exception):
    """There is no user of this name; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class User:
    """An account. `folder` is where its data is, `password_version` grows with every new password.

    It is the same account whatever its limits are.
    """

    id: int
    name: str
    folder: str
    password_version: int
    created_at: datetime
    limits: UserLimits = field(default=NO_LIMITS, compare=False)


# What `user_of` needs of a row.
USER_COLUMNS: Final = (
    users.c.id,
    users.c.name,
    users.c.folder,
    users.c.password_version,
    users.c.created_at,
    users.c.max_collection_bytes,
    users.c.media_quota,
    users.c.requests_per_user,
)
_SELECT: Final = select(*USER_COLUMNS)


class Users:
    """All users of one account database; safe to use from many threads and processes."""

    def __init__(self, engine: Engine, passwords: Passwords) -> None:
        self.passwords = passwords
        self._engine = engine

    def add(self, name: str, password: str) -> User:
        """Create a user. Raises UserExists, BadUserName, BadPassword."""
        return self._insert(name, self.passwords.hash(password))

    def add_with_old_hash(self, name: str, old: OldHash) -> User:
        """Create a user whose password another server has hashed. Raises UserExists, BadUserName.

        At the first login with that password its hash becomes one of ours.
        """
        return self._insert(name, f"{old.scheme.text}{self.passwords.hash(old.digest)}")

    def _insert(self, name: str, password_hash: str) -> User:
        row = {
            "name": new_user_name(name),
            "folder": folder_name(name),
            "password_hash": password_hash,
            "password_version": 1,
            "created_at": datetime.now(timezone.utc),
        }
        try:
            with writing(self._engine) as connection:
                _refuse_folder_in_removal(connection, str(row["folder"]))
                connection.execute(insert(users).values(row))
                user = _get(connection, str(row["name"]))
        except IntegrityError:
            raise UserExists(f"there is already a user named {row['name']!r}") from None
        log.info(events.USER_ADDED, user=user.name, folder=user.folder)
        return user

    def delete(self, name: str, *, purge: bool) -> User:
        """Remove a user with all host keys and tokens, and return who it was. Raises UnknownUser.

        `purge` also records that the folder is to be removed, see `pending_purges`.
        """
        with writing(self._engine) as connection:
            user = _get(connection, name)
            connection.execute(delete(users).where(users.c.id == user.id))
            if purge:
                now = datetime.now(timezone.utc)
                connection.execute(
                    insert(folder_purges).values(folder=user.folder, requested_at=now)
                )
        log.info(events.USER_DELETED, user=user.name, folder=user.folder, purge=purge)
        return user

    def set_limits(self, name: str, changes: Mapping[str, int | None]) -> User:
        """Change limits of a user, by the names of the options; None is what the settings say.

        Raises UnknownUser.
        """
        with writing(self._engine) as connection:
            user = _get(connection, name)
            connection.execute(update(users).where(users.c.id == user.id).values(**changes))
            user = _get(connection, name)
        log.info(events.LIMITS_CHANGED, user=user.name, **changes)
        return user

    def change_password(self, name: str, password: str) -> User:
        """Set a password, revoke all host keys and the tokens of logins.

        Raises UnknownUser, BadPassword.
        """
        password_hash = self.passwords.hash(password)
        with writing(self._engine) as connection:
            user = _get(connection, name)
            # The user first: it makes logins that are under way wait, then notice.
            connection.execute(
                update(users)
                .where(users.c.id == user.id)
                .values(
                    password_hash=password_hash,
                    password_version=users.c.password_version + 1,
                )
            )
            connection.execute(delete(host_keys).where(host_keys.c.user_id == user.id))
            connection.execute(
                delete(api_tokens).where(
                    api_tokens.c.user_id == user.id, api_tokens.c.from_login.is_(True)
                )
            )
            user = _get(connection, name)
        log.info(events.PASSWORD_CHANGED, user=user.name)
        return user

    def find(self, name: str) -> User | None:
        """Return the user of this name, however its characters are composed."""
        try:
            with reading(self._engine) as connection:
                return _get(connection, name)
        except UnknownUser:
            return None

    def all_users(self) -> list[User]:
        """Return all users, sorted by name."""
        with reading(self._engine) as connection:
            found = [user_of(row) for row in connection.execute(_SELECT)]
        return sorted(found, key=lambda user: (user.name.casefold(), user.name))

    def check_password(self, name: str, password: str) -> User | None:
        """Return the user if the password is right, after the same work if there is no such user.

        The same work means one verification by today's parameters, after as many rounds as the
        dearest hash of another server takes, while there are such hashes. A right password whose
        hash was made by another server or older parameters is hashed anew. Raises ServerBusy.
        """
        found = self._find_with_hash(name)
        rounds = self._most_rounds()
        if found is None:
            self.passwords.verify_nothing(password, rounds)
            return None
        user, stored_hash = found
        if not self.passwords.verify(stored_hash, password, name=user.name, rounds=rounds):
            return None
        if self.passwords.needs_rehash(stored_hash):
            self._rehash(user, stored_hash, password)
        return user

    def pending_purges(self) -> list[str]:
        """Return the folders of deleted users that are still to be removed."""
        with reading(self._engine) as connection:
            return list(
                connection.scalars(
                    select(folder_purges.c.folder).order_by(folder_purges.c.requested_at)
                )
            )

    def purge_done(self, folder: str) -> None:
        """Forget a folder of `pending_purges`: it is gone."""
        with writing(self._engine) as connection:
            connection.execute(delete(folder_purges).where(folder_purges.c.folder == folder))

    def _find_with_hash(self, name: str) -> tuple[User, str] | None:
        try:
            normal = normalise_user_name(name)
        except BadUserName:
            return None
        with reading(self._engine) as connection:
            row = connection.execute(
                _SELECT.add_columns(users.c.password_hash).where(users.c.name == normal)
            ).one_or_none()
        return None if row is None else (user_of(row), row.password_hash)

    def _most_rounds(self) -> int:
        """Return the most rounds of PBKDF2 that a user's password still takes."""
        start = func.substr(users.c.password_hash, 1, len(PBKDF2) + ROUNDS_DIGITS)
        with reading(self._engine) as connection:
            most = connection.scalar(
                select(func.max(start)).where(users.c.password_hash.startswith(PBKDF2))
            )
        return rounds_of(most or "")

    def _rehash(self, user: User, stored_hash: str, password: str) -> None:
        # Only while it is the hash that was verified: another login or a new password may be
        # faster.
        password_hash = self.passwords.hash(password)
        with writing(self._engine) as connection:
            connection.execute(
                update(users)
                .where(users.c.id == user.id, users.c.password_hash == stored_hash)
                .values(password_hash=password_hash)
            )
        log.info(events.PASSWORD_REHASHED, user=user.name)


def _get(connection: Connection, name: str) -> User:
    try:
        normal = normalise_user_name(name)
    except BadUserName:
        raise UnknownUser(f"there is no user named {name!r}") from None
    row = connection.execute(_SELECT.where(users.c.name == normal)).one_or_none()
    if row is None:
        raise UnknownUser(f"there is no user named {name!r}")
    return user_of(row)


def user_of(row: Any) -> User:
    """Return the user in a row that has USER_COLUMNS."""
    own = (row.max_collection_bytes, row.media_quota, row.requests_per_user)
    limits = NO_LIMITS if own == (None, None, None) else UserLimits(*own)
    return User(row.id, row.name, row.folder, row.password_version, row.created_at, limits)


def check_still_current(connection: Connection, user: User) -> None:
    """Raise WrongCredentials when the account has been deleted, or has got another password.

    The row is locked, so that a change of the password comes wholly before a login or wholly after.
    """
    version = connection.scalar(
        select(users.c.password_version).where(users.c.id == user.id).with_for_update()
    )
    if version != user.password_version:
        raise WrongCredentials(
            "Wrong name or password.", cause="the account changed while it logged in"
        )


def _refuse_folder_in_removal(connection: Connection, folder: str) -> None:
    # Whoever removes the folder would take the new user's data for the old one's.
    pending = select(folder_purges.c.folder).where(folder_purges.c.folder == folder)
    if connection.execute(pending).first() is not None:
        raise UserExists(
            f"the folder {folder!r} of a deleted user is still being removed; try again shortly"
        )
