"""The tables of the account database, as SQLAlchemy Core sees them today.

How a database gets there is told by the migrations; a test compares the two.
"""

from datetime import datetime, timezone
from typing import Any, Final

from sqlalchemy import Column, DateTime, ForeignKey, Integer, MetaData, String, Table, TypedColumns
from sqlalchemy.types import TypeDecorator

NAME_LENGTH: Final = 128
FOLDER_LENGTH: Final = 128
CLIENT_VERSION_LENGTH: Final = 128
# An IPv6 address with a zone, or what a proxy put in its place.
ADDRESS_LENGTH: Final = 64


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, stored as UTC and read back as an aware datetime in UTC.

    SQLite drops the time zone and PostgreSQL answers in the zone of the connection; nobody above
    should have to know.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Turn an aware datetime into UTC."""
        return None if value is None else value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Turn what the driver read into an aware datetime in UTC."""
        if value is None or value.tzinfo is not None:
            return value and value.astimezone(timezone.utc)
        return value.replace(tzinfo=timezone.utc)


class UserColumns(TypedColumns):
    """The columns of `users`.

    `password_version` counts the passwords a user has had (not their rehashes): a login that was
    still being checked when the password changed must not get a key.
    """

    id = Column(Integer, primary_key=True)
    name = Column(String(NAME_LENGTH), nullable=False, unique=True)
    folder = Column(String(FOLDER_LENGTH), nullable=False, unique=True)
    password_hash = Column(String(255), nullable=False)
    password_version = Column(Integer, nullable=False)
    created_at = Column(UtcDateTime, nullable=False)


class HostKeyColumns(TypedColumns):
    """The columns of `host_keys`; `key_hash` is the SHA-256 of the key in hexadecimal."""

    id = Column(Integer, primary_key=True)
    user_id = Column(
        Integer, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True
    )
    key_hash = Column(String(64), nullable=False, unique=True)
    client_version = Column(String(CLIENT_VERSION_LENGTH), nullable=False)
    created_at = Column(UtcDateTime, nullable=False)
    last_used_at: Column[datetime | None] = Column(UtcDateTime)
    address = Column(String(ADDRESS_LENGTH), nullable=False)


class FolderPurgeColumns(TypedColumns):
    """The columns of `folder_purges`: folders of deleted users that are still to be removed."""

    folder = Column(String(FOLDER_LENGTH), primary_key=True)
    requested_at = Column(UtcDateTime, nullable=False)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# AUTOINCREMENT: an id that is in a cache, or that an operator is about to type, must not come to
# mean another user or key.
users = Table("users", metadata, UserColumns, sqlite_autoincrement=True)
host_keys = Table("host_keys", metadata, HostKeyColumns, sqlite_autoincrement=True)
folder_purges = Table("folder_purges", metadata, FolderPurgeColumns)
