"""What other servers leave behind, read piece by piece."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from syncserver.accounts.old_hashes import OldHash
from syncserver.control.old_passwords import secrets_in
from syncserver.control.query import WritesRefused, query
from syncserver.moving.old_indexes import OldEntry, old_entries
from syncserver.moving.old_servers import (
    NotMovable,
    check_not_in_use,
    installation_in,
    old_passwords,
    user_in,
)
from tests.support.old_hashes import ankisyncd_hash, django_hash, phc_hash
from tests.support.old_servers import write_auth_db, write_media, write_media_of_client

# Passwords


def test_the_lines_of_an_environment_are_read(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text(
        "# the old server\nSYNC_BASE=/data\nSYNC_PORT=8080\n\nRUST_LOG=a:b=debug\n"
        "SYNC_USER1=anna:with spaces: and colons\nexport SYNC_USER2='berta:x'\n"
        f'SYNC_USER3="carl:{phc_hash("y")}"\ndora:plain\n'
    )
    found = secrets_in(file)
    assert {name: one for name, one in found.items() if isinstance(one, str)} == {
        "anna": "with spaces: and colons",
        "berta": "x",
        "dora": "plain",
    }
    assert isinstance(found["carl"], OldHash)


def test_a_file_without_passwords_is_refused(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("SYNC_BASE=/data\n")
    with pytest.raises(NotMovable, match="no line like SYNC_USER1=name:password"):
        secrets_in(tmp_path / "env")
    assert secrets_in(None) == {}


def test_an_unusable_hash_is_left_out_with_a_note_and_no_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decomposed = "Zoe\u0308"
    hashes = {
        "anna": ankisyncd_hash("anna", "x"),
        "berta": "5f4dcc3b5aa765d61d8327deb882cf99",
        "carl": django_hash("z"),
        decomposed: ankisyncd_hash(decomposed, "x"),
    }
    found = secrets_in(write_auth_db(tmp_path, hashes))
    assert found.keys() == {"anna", "carl"}
    noted = capsys.readouterr().err
    assert "berta: the hash of the password is of an unknown kind" in noted
    assert "written in another way here" in noted
    assert hashes["berta"] not in noted


def test_a_file_that_only_calls_itself_auth_db_is_refused(tmp_path: Path) -> None:
    (tmp_path / "auth.db").write_bytes(b"SQLite format 3\0" + b"x" * 100)
    with pytest.raises(NotMovable, match=r"auth\.db"):
        old_passwords(tmp_path / "auth.db")


# Folders


def test_the_official_names_come_before_the_older_ones(tmp_path: Path) -> None:
    for name in ("media", "collection.media"):
        (tmp_path / name).mkdir()
    for name in ("collection.anki2", "media.db", "collection.media.server.db"):
        (tmp_path / name).touch()
    user = user_in(tmp_path)
    assert user is not None
    assert user.media == tmp_path / "media"
    assert user.index == tmp_path / "media.db"


def test_users_are_found_in_the_folder_of_the_collections_too(tmp_path: Path) -> None:
    folder = tmp_path / "collections" / "anna"
    folder.mkdir(parents=True)
    (folder / "collection.anki2").touch()
    auth_db = write_auth_db(tmp_path, {"anna": "x", "..": "y", "berta": "z"})
    for given in (tmp_path, tmp_path / "collections"):
        found = installation_in(given)
        assert found.auth_db == auth_db
        assert {name for name, files in found.users.items() if files} == {"anna"}
        assert found.users.keys() == {"anna", "..", "berta"}


def test_a_file_without_locks_is_not_in_use(tmp_path: Path) -> None:
    (tmp_path / "collection.anki2").touch()
    check_not_in_use(tmp_path / "collection.anki2")


def test_a_file_that_another_process_has_locked_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "collection.anki2"
    path.touch()
    script = (
        "import fcntl, sys\nfile = open(sys.argv[1], 'rb+')\n"
        "fcntl.lockf(file, fcntl.LOCK_EX, 1, 0x40000002)\nprint('x', flush=True)\ninput()"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(NotMovable, match=f"in use by process {other.pid}"):
            check_not_in_use(path)
        other.kill()


# Indexes


def test_an_index_of_ankisyncd_keeps_its_usns(tmp_path: Path) -> None:
    write_media(tmp_path, [("b", b"b", 7), ("a", b"a", 3), ("gone", None, 5)])
    entries = old_entries(tmp_path / "collection.media.server.db", tmp_path)
    assert entries is not None
    assert [(entry.name, entry.usn, bool(entry.sha1)) for entry in entries] == [
        ("a", 3, True),
        ("gone", 5, False),
        ("b", 7, True),
    ]


def test_names_that_share_a_usn_are_never_told_too_early(tmp_path: Path) -> None:
    write_media_of_client(tmp_path, [("a", b"a", 9), ("b", b"b", 9), ("c", None, 9)])
    entries = old_entries(tmp_path / "collection.media.db2", tmp_path)
    assert entries is not None
    assert [entry.usn for entry in entries] == [9, 10, 11]


def test_rows_that_no_server_writes_are_passed_over(tmp_path: Path) -> None:
    write_media(tmp_path, [("a", b"a", 1)])
    index = tmp_path / "collection.media.server.db"
    with closing(sqlite3.connect(index)) as database:
        database.execute("insert into media values (x'00', 2, null)")
        database.execute("insert into media values ('b', 3, 'no checksum')")
        database.commit()
    entries = old_entries(index, tmp_path)
    assert entries is not None
    assert [entry.name for entry in entries] == ["a"]
    assert isinstance(entries[0], OldEntry)


@pytest.mark.parametrize("name", ["media.db", "collection.media.server.db", "collection.media.db2"])
def test_an_index_that_cannot_be_read_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"noise" * 1000)
    assert old_entries(tmp_path / name, tmp_path) is None
    assert old_entries(None, tmp_path) is None
    assert [path.name for path in tmp_path.iterdir()] == [name]


# Queries


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "copy.anki2"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table t (x, y)")
        connection.executemany("insert into t values (?, ?)", [(1, b"\x01\xff"), (2, None)])
        connection.commit()
    return path


def test_bytes_are_shown_in_hexadecimal(database: Path) -> None:
    found = query(database, "select * from t", 10)
    assert (found.columns, found.rows, found.complete) == (
        ["x", "y"],
        [[1, "01ff"], [2, None]],
        True,
    )


def test_a_limit_tells_whether_there_is_more(database: Path) -> None:
    assert not query(database, "select * from t", 1).complete
    assert query(database, "select * from t", 2).complete
    assert len(query(database, "select * from t", 0).rows) == 2


def test_the_tables_can_be_looked_at_and_nothing_written(database: Path) -> None:
    assert len(query(database, "pragma table_info(t)", 0).rows) == 2
    before = database.read_bytes()
    for statement in ("delete from t", "pragma user_version = 5"):
        with pytest.raises((WritesRefused, sqlite3.OperationalError)):
            query(database, statement, 0)
    assert database.read_bytes() == before
