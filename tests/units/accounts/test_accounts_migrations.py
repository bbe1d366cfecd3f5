import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text
from structlog.testing import capture_logs

from syncserver import events
from syncserver.accounts.database import DatabaseUnusable, migrate, open_database
from syncserver.accounts.migrations import HEAD
from syncserver.accounts.tables import metadata


def revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def test_the_known_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "syncserver.accounts:migrations")

    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_migrating_an_empty_database_makes_the_tables_that_the_code_expects(
    engine: Engine,
) -> None:
    assert revision(engine) == HEAD
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []
    expected = {*metadata.tables, "alembic_version"}
    assert {*inspect(engine).get_table_names()} - {"sqlite_sequence"} == expected


def test_the_constraints_have_the_names_that_later_migrations_will_use(engine: Engine) -> None:
    found = inspect(engine)

    assert {unique["name"] for unique in found.get_unique_constraints("users")} == {
        "uq_users_name",
        "uq_users_folder",
    }
    assert [key["name"] for key in found.get_foreign_keys("host_keys")] == ["fk_host_keys_user_id"]


def test_the_numbers_of_users_keys_and_tokens_are_never_used_again(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'accounts.db'}")
    migrate(engine)
    with engine.connect() as connection:
        migrated = connection.scalars(
            text("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'")
        ).all()
    expected = [
        table.name
        for table in metadata.tables.values()
        if table.dialect_options["sqlite"]["autoincrement"]
    ]

    assert set(migrated) == set(expected) == {"users", "host_keys", "api_tokens"}


def test_a_migration_is_logged_once(database_url: str) -> None:
    engine = open_database(database_url)
    with capture_logs() as logs:
        migrate(engine)
        migrate(engine)

    assert logs == [
        {"event": events.DATABASE_MIGRATED, "before": None, "after": HEAD, "log_level": "info"}
    ]


def test_migrating_again_keeps_what_is_there(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO folder_purges VALUES ('alice', '2026-01-01 00:00:00.000000')")
        )
    migrate(engine)

    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM folder_purges")).scalar() == 1


def test_a_database_that_is_up_to_date_needs_no_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'accounts.db'}"
    migrate(open_database(url))
    program = (
        "import sys; from syncserver.accounts.database import migrate, open_database; "
        f"migrate(open_database({url!r})); sys.exit('alembic' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_migrating_does_not_need_the_source_tree_or_an_ini_file(tmp_path: Path) -> None:
    program = (
        "from syncserver.accounts.database import migrate, open_database; "
        "migrate(open_database('sqlite:///accounts.db'))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)

    assert revision(open_database(f"sqlite:///{tmp_path / 'accounts.db'}")) == HEAD


def test_a_database_of_a_newer_server_is_left_alone(database_url: str) -> None:
    engine = open_database(database_url)
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(DatabaseUnusable, match=r"revision 9999.*newer"):
        migrate(engine)
    assert revision(engine) == "9999"


def test_a_migration_that_fails_leaves_nothing_half_done(database_url: str) -> None:
    engine = open_database(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE host_keys (somebody_elses INTEGER)"))

    with pytest.raises(DatabaseUnusable, match="host_keys"):
        migrate(engine)
    assert inspect(engine).get_table_names() == ["host_keys"]


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match=r"missing.accounts\.db"):
        migrate(open_database(f"sqlite:///{tmp_path / 'missing' / 'accounts.db'}"))


def test_a_file_that_is_not_a_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "accounts.db").write_bytes(b"not a database at all" * 100)

    with pytest.raises(DatabaseUnusable, match=r"accounts\.db.*not a database"):
        migrate(open_database(f"sqlite:///{tmp_path / 'accounts.db'}"))


def test_a_message_about_an_unusable_database_hides_the_password(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    engine = open_database(f"postgresql://user:hunter2@/name?host={tmp_path}")

    with pytest.raises(DatabaseUnusable) as refused:
        migrate(engine)
    assert "name" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_servers_that_start_at_once_migrate_once(database_url: str) -> None:
    engines = [open_database(database_url) for _ in range(8)]
    with capture_logs() as logs, ThreadPoolExecutor(8) as threads:
        list(threads.map(migrate, engines))

    assert [log["event"] for log in logs] == [events.DATABASE_MIGRATED]
    assert revision(engines[0]) == HEAD


def test_processes_that_start_at_once_all_find_the_newest_revision(database_url: str) -> None:
    program = (
        "from syncserver.accounts.database import migrate, open_database; "
        f"migrate(open_database({database_url!r}))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(4)]

    assert [process.wait() for process in processes] == [0] * 4
    assert revision(open_database(database_url)) == HEAD
