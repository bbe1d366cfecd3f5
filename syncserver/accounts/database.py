"""The account database: how it is opened, how transactions begin, how it is migrated.

SQLite in a file by default, PostgreSQL by URL. Nothing connects before the first transaction or
migration. Dispose the engine before a fork: an open SQLite connection must not cross one.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from syncserver import events
from syncserver.accounts.migrations import HEAD
from syncserver.errors import ServerBusy
from syncserver.settings import SettingsError

# How long to wait for a free connection, for PostgreSQL to accept one, and for a lock.
WAIT_SECONDS: Final = 10
# SQLite's; opening one takes as long as ten look-ups, and each is little more than an open file.
KEPT_CONNECTIONS: Final = 16
# Two servers that start at once on one PostgreSQL migrate one after the other; any constant will do.
MIGRATION_LOCK: Final = 0x416E6B69
MIGRATION_WAIT_SECONDS: Final = 60

_READS_ONLY: Final = "syncserver_reads_only"

# Alembic's context is one for the whole process.
_one_migration_at_a_time = threading.Lock()

log = structlog.get_logger()


class DatabaseUnusable(Exception):
    """The account database cannot be opened or migrated; the message is for the operator."""


def open_database(url: str) -> Engine:
    """Return an engine for `url`, without connecting to anything yet.

    Raises SettingsError when the URL cannot be used, for want of a driver too.
    """
    try:
        parsed = _with_our_driver(make_url(url))
        return _ENGINES.get(parsed.get_backend_name(), _open_other)(parsed)
    except ModuleNotFoundError as problem:
        raise SettingsError(
            f"database_url needs the Python module {problem.name}; "
            "PostgreSQL needs an installation of syncserver[postgresql]"
        ) from None
    except ArgumentError:
        # SQLAlchemy's own message may quote the URL, which may hold a password.
        raise SettingsError(
            "database_url cannot be understood; it looks like sqlite:////folder/accounts.db "
            "or postgresql://user:password@host/database"
        ) from None


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that only reads. Raises ServerBusy when the database does not answer."""
    with _passing_trouble_is_busy(), engine.connect() as connection:
        yield connection.execution_options(**{_READS_ONLY: True})


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that may write, committed at the end unless an exception leaves it.

    Raises ServerBusy when the database does not answer.
    """
    with _passing_trouble_is_busy(), engine.begin() as connection:
        yield connection


def check_reachable(engine: Engine) -> None:
    """Raise ServerBusy unless the database answers, and is the one that we have migrated.

    A SQLite file that was removed still answers those who have it open.
    """
    if file := missing_file(engine):
        raise ServerBusy("The accounts are gone.", cause=f"account database: no file {file}")
    with reading(engine) as connection:
        connection.execute(text("SELECT 1 FROM users LIMIT 1"))


def missing_file(engine: Engine) -> Path | None:
    """Return the file of a SQLite database that is not there; to connect would make an empty one."""
    file = Path(str(engine.url.database))
    is_missing = engine.url.get_backend_name() == "sqlite" and not file.exists()
    return file if is_missing else None


def migrate(engine: Engine) -> None:
    """Bring the database to the newest revision; does little when it is there already.

    Safe when several processes start at once. Raises DatabaseUnusable.
    """
    try:
        _create_private_file(engine.url)
        with engine.connect() as connection:
            connection.execution_options(**{_READS_ONLY: True})
            if revision(connection) == HEAD:
                return
        with _one_migration_at_a_time, engine.begin() as connection:
            _keep_other_processes_out(connection)
            _upgrade(connection)
    except (OSError, SQLAlchemyError) as problem:
        reason = problem.orig if isinstance(problem, DBAPIError) else problem
        raise DatabaseUnusable(f"account database {engine.url!r}: {reason}") from problem


def _with_our_driver(url: URL) -> URL:
    # SQLAlchemy 2.0 takes psycopg2 when none is named, and many tools write 'postgres'.
    if url.drivername in {"postgres", "postgresql"}:
        return url.set(drivername="postgresql+psycopg")
    return url


def _open_sqlite(url: URL) -> Engine:
    if url.database in {None, "", ":memory:"}:
        raise SettingsError("database_url must name a file; accounts in memory would not last")
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_timeout=WAIT_SECONDS,
        pool_size=KEPT_CONNECTIONS,
        # The sqlite3 module shall not begin transactions; _begin_sqlite does.
        connect_args={"isolation_level": None, "timeout": WAIT_SECONDS},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.execute(f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000}")
    _switch_to_wal(connection, timeout=WAIT_SECONDS)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _switch_to_wal(connection: Any, timeout: float) -> None:
    # Of processes that switch a new file at the same moment all but one are told at once that it is
    # locked, whatever busy_timeout says.
    give_up_at = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() >= give_up_at:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and then wants to write fails at once when another one has
    # written in between, whatever busy_timeout says; so writers take the write lock first.
    reads_only = connection.get_execution_options().get(_READS_ONLY, False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _open_postgresql(url: URL) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_timeout=WAIT_SECONDS,
        # A restart of PostgreSQL must not cost one failed request per pooled connection.
        pool_pre_ping=True,
        connect_args={"connect_timeout": WAIT_SECONDS, "tcp_user_timeout": WAIT_SECONDS * 1000},
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_postgresql(connection: Any, _record: object) -> None:
    # Set by statement and not by a start-up option, which PgBouncer refuses.
    connection.execute(f"SET lock_timeout = '{WAIT_SECONDS}s'")
    connection.execute(f"SET statement_timeout = '{MIGRATION_WAIT_SECONDS}s'")
    connection.commit()


def _open_other(url: URL) -> Engine:
    return create_engine(url, hide_parameters=True)


_ENGINES: Final[dict[str, Callable[[URL], Engine]]] = {
    "sqlite": _open_sqlite,
    "postgresql": _open_postgresql,
}


@contextmanager
def _passing_trouble_is_busy() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError) as problem:
        reason = problem.orig if isinstance(problem, DBAPIError) else problem
        raise ServerBusy(
            "The server cannot reach its accounts at the moment; try again later.",
            cause=f"account database: {reason}",
            retry_after_seconds=WAIT_SECONDS,
        ) from problem


def _create_private_file(url: URL) -> None:
    # SQLite would let the umask decide who reads the password hashes. Only a new file may be
    # touched: closing it drops the locks that this process holds on it.
    if url.get_backend_name() == "sqlite" and not str(url.database).startswith("file:"):
        with suppress(FileExistsError):
            Path(str(url.database)).touch(mode=0o600, exist_ok=False)


def revision(connection: Connection) -> str | None:
    """Return which migration was the last one, None when there was none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _keep_other_processes_out(connection: Connection) -> None:
    # On SQLite the transaction has the write lock already.
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{MIGRATION_WAIT_SECONDS}s'"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))


def _upgrade(connection: Connection) -> None:
    # Imported here because they are slow and nearly every start has nothing to migrate.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "syncserver.accounts:migrations")
    config.attributes["connection"] = connection
    before = revision(connection)
    if before == HEAD:  # another process was faster
        return
    try:
        ScriptDirectory.from_config(config).get_revisions(before or ())
    except CommandError:
        raise DatabaseUnusable(
            f"account database {connection.engine.url!r} has revision {before}, which this version "
            f"of syncserver does not know (its newest is {HEAD}); was it used by a newer one?"
        ) from None
    command.upgrade(config, "head")
    log.info(events.DATABASE_MIGRATED, before=before, after=HEAD)
