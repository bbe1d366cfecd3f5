"""The tables of the account database, as SQLAlchemy Core sees them today.

How a database gets there is told by the migrations; a test compares the two.
"""

from datetime import datetime, timezone
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

NAME_LENGTH: Final = 128
FOLDER_LENGTH: Final = 128
CLIENT_VERSION_LENGTH: Final = 128
# An IPv6 address with a zone, or what a proxy put in its place.
ADDRESS_LENGTH: Final = 64
TOKEN_NAME_LENGTH: Final = 128
REASON_LENGTH: Final = 255
# Of an Integer in PostgreSQL; a larger number is an error of the database's, not an unknown row.
LARGEST_ID: Final = 2**31 - 1


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


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# AUTOINCREMENT below: an id that is in a cache, or that an operator is about to type, must not come
# to mean another user or key.

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(NAME_LENGTH), nullable=False, unique=True),
    Column("folder", String(FOLDER_LENGTH), nullable=False, unique=True),
    Column("password_hash", String(255), nullable=False),
    # Counts the passwords a user has had, not their rehashes: a login that was still being checked
    # when the password changed must not get a key.
    Column("password_version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    # In the place of what the settings say; see user_limits.py.
    Column("max_collection_bytes", BigInteger),
    Column("media_quota", BigInteger),
    Column("requests_per_user", Integer),
    sqlite_autoincrement=True,
)

host_keys = Table(
    "host_keys",
    metadata,
    Column("id", Integer, primary_key=True),
    Column(
        "user_id", Integer, ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False, index=True
    ),
    # The SHA-256 of the key, in hexadecimal.
    Column("key_hash", String(64), nullable=False, unique=True),
    Column("client_version", String(CLIENT_VERSION_LENGTH), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_used_at", UtcDateTime),
    Column("address", String(ADDRESS_LENGTH), nullable=False),
    sqlite_autoincrement=True,
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column(
        "user_id", Integer, ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False, index=True
    ),
    # The SHA-256 of the token, in hexadecimal.
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("name", String(TOKEN_NAME_LENGTH), nullable=False),
    Column("scope", String(16), nullable=False),
    # Made by a login with the password, not by the operator: gone when the password changes.
    Column("from_login", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Column("address", String(ADDRESS_LENGTH), nullable=False),
    sqlite_autoincrement=True,
)

# What devices have synced; see sync_journal.py.
sync_journal = Table(
    "sync_journal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column(
        "user_id", Integer, ForeignKey(users.c.id, ondelete="CASCADE"), nullable=False, index=True
    ),
    # Of a key that may have been revoked since.
    Column("key_id", Integer, nullable=False),
    Column("client_version", String(CLIENT_VERSION_LENGTH), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=False),
    Column("milliseconds", BigInteger, nullable=False),
    Column("bytes_in", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    # JSON: objects by kind, each way, and of conflicts by winner.
    Column("counts", Text, nullable=False),
    Column("reason", String(REASON_LENGTH), nullable=False),
)

# Folders of deleted users that are still to be removed.
folder_purges = Table(
    "folder_purges",
    metadata,
    Column("folder", String(FOLDER_LENGTH), primary_key=True),
    Column("requested_at", UtcDateTime, nullable=False),
)
