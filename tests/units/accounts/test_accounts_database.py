import multiprocessing
import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, insert, select, text

from syncserver.accounts import database
from syncserver.accounts.database import migrate, open_database, reading, writing
from syncserver.accounts.tables import folder_purges
from syncserver.errors import ServerBusy
from syncserver.settings import SettingsError


def pragma(engine: Engine, name: str) -> object:
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def write_and_commit_in_a_fork(engine: Engine) -> int:
    """Return the exit status of a forked child that uses `engine`."""
    child = os.fork()
    if child == 0:
        try:
            with writing(engine) as connection:
                connection.execute(text("DELETE FROM folder_purges"))
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_nothing_is_opened_before_the_first_use(tmp_path: Path) -> None:
    open_database(f"sqlite:///{tmp_path / 'accounts.db'}")

    assert list(tmp_path.iterdir()) == []


def test_sqlite_is_set_up_for_many_threads_and_for_power_cuts(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'accounts.db'}")

    assert pragma(engine, "journal_mode") == "wal"
    assert pragma(engine, "foreign_keys") == 1
    assert pragma(engine, "busy_timeout") == 10_000
    assert pragma(engine, "synchronous") == 2  # FULL


def test_only_the_server_may_read_the_password_hashes(tmp_path: Path) -> None:
    old_umask = os.umask(0o022)
    try:
        engine = open_database(f"sqlite:///{tmp_path / 'accounts.db'}")
        migrate(engine)
        with writing(engine) as connection:
            connection.execute(text("DELETE FROM users"))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    finally:
        os.umask(old_umask)

    assert modes == dict.fromkeys(["accounts.db", "accounts.db-wal", "accounts.db-shm"], 0o600)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "cannot be understood"),
        ("accounts.db", "cannot be understood"),
        ("nosuchthing://host/name", "cannot be understood"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("mysql+pymysql://host/name", "needs the Python module"),
    ],
)
def test_a_url_that_cannot_be_used_is_an_error_in_the_settings(url: str, message: str) -> None:
    with pytest.raises(SettingsError, match=f"database_url.*{message}"):
        open_database(url)


def test_an_unusable_url_does_not_show_its_password() -> None:
    with pytest.raises(SettingsError) as refused:
        open_database("postgresql//user:hunter2@host")

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_spoken_through_psycopg(scheme: str) -> None:
    pytest.importorskip("psycopg")

    assert open_database(f"{scheme}://user@host/name").driver == "psycopg"


def test_no_wait_for_postgresql_is_endless(postgresql: Callable[[], str]) -> None:
    engine = open_database(postgresql())
    with engine.connect() as connection:
        waits = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar()
            for name in ("lock_timeout", "statement_timeout")
        }

    assert waits == {"lock_timeout": "10s", "statement_timeout": "1min"}


def test_a_transaction_that_fails_leaves_nothing(engine: Engine) -> None:
    def fail_half_way() -> None:
        with writing(engine) as connection:
            connection.execute(insert(folder_purges).values(_purge("alice")))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()

    with reading(engine) as connection:
        assert connection.execute(select(folder_purges)).all() == []


def test_writers_that_read_first_wait_for_each_other(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'accounts.db'}")
    migrate(engine)
    failures: list[BaseException] = []

    def count_up() -> None:
        try:
            for _ in range(25):
                with writing(engine) as connection:
                    count = len(connection.execute(select(folder_purges)).all())
                    connection.execute(insert(folder_purges).values(_purge(f"folder {count}")))
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    with reading(engine) as connection:
        assert len(connection.execute(select(folder_purges)).all()) == 100


def test_a_reader_does_not_wait_for_a_writer(engine: Engine) -> None:
    with writing(engine) as writer:
        writer.execute(insert(folder_purges).values(_purge("alice")))
        with reading(engine) as reader:
            assert reader.execute(select(folder_purges)).all() == []


@pytest.mark.parametrize("is_new", [True, False])
def test_a_database_that_stays_locked_is_passing_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_new: bool
) -> None:
    monkeypatch.setattr(database, "WAIT_SECONDS", 0)
    path = tmp_path / "accounts.db"
    engine = open_database(f"sqlite:///{path}")
    if not is_new:
        migrate(engine)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(ServerBusy) as refused, writing(engine):
        pass

    assert refused.value.cause == "account database: database is locked"
    assert refused.value.retry_after_seconds is not None
    other.close()


def test_a_new_file_that_is_locked_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    # SQLite's own waiting does not cover this lock on a file that is to become a WAL one.
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.3, other.close).start()

    assert pragma(open_database(f"sqlite:///{path}"), "journal_mode") == "wal"


def test_a_pool_that_is_used_up_is_passing_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "WAIT_SECONDS", 0)
    engine = open_database(f"sqlite:///{tmp_path / 'accounts.db'}")
    held = [engine.connect() for _ in range(database.KEPT_CONNECTIONS + 10)]

    with pytest.raises(ServerBusy, match="accounts"), reading(engine):
        pass

    for connection in held:
        connection.close()


def test_a_postgresql_that_is_away_is_passing_trouble(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    engine = open_database(f"postgresql://user:hunter2@/name?host={tmp_path}")

    with pytest.raises(ServerBusy) as refused, reading(engine):
        pass

    assert "hunter2" not in f"{refused.value.cause} {refused.value.public_text}"


def test_connections_that_the_server_dropped_are_replaced_unseen(
    postgresql: Callable[[], str],
) -> None:
    url = postgresql()
    engine = open_database(url)
    with reading(engine) as connection:
        connection.execute(text("SELECT 1"))
    other = open_database(url)
    with writing(other) as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        )

    with reading(engine) as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1


def test_an_engine_made_before_a_fork_is_used_after_it(engine: Engine) -> None:
    engine.dispose()

    assert write_and_commit_in_a_fork(engine) == 0
    with writing(engine) as connection:
        connection.execute(text("DELETE FROM folder_purges"))


def test_a_failed_statement_does_not_show_its_values(engine: Engine) -> None:
    with pytest.raises(Exception, match="folder_purges") as failed, writing(engine) as connection:
        connection.execute(insert(folder_purges).values(_purge("hunter2") | {"requested_at": None}))

    assert "VALUES" in str(failed.value)
    if engine.dialect.name == "sqlite":  # PostgreSQL's own message quotes the row
        assert "hunter2" not in str(failed.value)


def test_reading_takes_no_lock_that_writers_want(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'accounts.db'}")
    begun: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        begun.append(statement)

    with reading(engine) as connection:
        connection.execute(text("SELECT 1"))
    with writing(engine) as connection:
        connection.execute(text("SELECT 2"))

    assert begun == ["BEGIN", "SELECT 1", "BEGIN IMMEDIATE", "SELECT 2"]


def test_processes_that_open_a_new_file_at_once_all_succeed(tmp_path: Path) -> None:
    start = multiprocessing.get_context("spawn")
    with start.Pool(4) as pool:
        for attempt in range(5):
            url = f"sqlite:///{tmp_path / f'accounts{attempt}.db'}"
            assert pool.map(_open_and_count_users, [url] * 4, chunksize=1) == [0] * 4


def _open_and_count_users(url: str) -> int:
    engine = open_database(url)
    migrate(engine)
    with writing(engine) as connection:
        return int(connection.execute(text("SELECT count(*) FROM users")).scalar_one())


def _purge(folder: str) -> dict[str, object]:
    return {"folder": folder, "requested_at": datetime.now(timezone.utc)}
