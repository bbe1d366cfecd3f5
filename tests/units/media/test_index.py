import sqlite3
import stat
from pathlib import Path

import pytest

from syncserver.media.index import Entry, IndexUnusable, MediaIndex, Totals

SHA1 = bytes(range(20))


def add(index: MediaIndex, *entries: Entry) -> None:
    with index.transaction():
        for entry in entries:
            index.put(entry)
        index.set_totals(index.counted_totals())


def entry(name: str, usn: int, size: int = 1) -> Entry:
    return Entry(name, SHA1, size, usn)


def test_a_new_index_is_empty_and_private(index: MediaIndex, tmp_path: Path) -> None:
    assert index.totals() == index.counted_totals() == Totals(0, 0, 0)
    assert index.changes_after(-1) == []
    assert index.entry("a") is None
    assert stat.S_IMODE((tmp_path / "media.db").stat().st_mode) == 0o600


def test_what_was_stored_is_there_after_opening_again(index: MediaIndex, tmp_path: Path) -> None:
    add(index, entry("a ü🦉", 1, size=5), entry("b", 2, size=0))
    index.close()
    again = MediaIndex(tmp_path / "media.db")
    assert again.entry("a ü🦉") == entry("a ü🦉", 1, size=5)
    assert again.totals() == Totals(last_usn=2, total_bytes=5, files=1)
    again.close()


def test_changes_come_in_the_order_of_their_usns_a_page_at_a_time(index: MediaIndex) -> None:
    usns = [(number * 7) % 23 for number in range(23)]
    add(index, *(entry(f"{usn}", usn) for usn in usns))
    assert [one.usn for one in index.changes_after(-1)] == list(range(23))
    assert [one.usn for one in index.changes_after(10, limit=5)] == [11, 12, 13, 14, 15]
    assert index.changes_after(22) == []


def test_deleted_files_are_changes_but_do_not_exist(index: MediaIndex) -> None:
    add(index, entry("kept", 1), entry("deleted", 2, size=0))
    assert [one.name for one in index.existing()] == ["kept"]
    assert [(one.name, one.exists) for one in index.changes_after(0)] == [
        ("kept", True),
        ("deleted", False),
    ]


def test_a_block_that_fails_leaves_nothing(index: MediaIndex) -> None:
    add(index, entry("a", 1))

    def fail() -> None:
        with index.transaction():
            index.put(entry("b", 2))
            index.forget("a")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert index.entry("a") is not None
    assert index.entry("b") is None
    add(index, entry("c", 2))
    assert index.totals() == Totals(2, 2, 2)


def test_what_is_forgotten_leaves_no_trace_and_keeps_the_usn(index: MediaIndex) -> None:
    add(index, entry("a", 1), entry("b", 2))
    with index.transaction():
        index.forget("b")
        index.set_totals(index.counted_totals())
    assert index.entry("b") is None
    assert index.totals() == Totals(last_usn=2, total_bytes=1, files=1)


def test_an_index_in_use_is_not_opened_twice(index: MediaIndex, tmp_path: Path) -> None:
    add(index, entry("a", 1))
    other = sqlite3.connect(tmp_path / "media.db", timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("select * from media")
    other.close()


@pytest.mark.parametrize("version", [1, 2, 5, 99])
def test_versions_that_nobody_knows_are_refused_and_left_alone(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("create table media (x)")
    connection.execute(f"pragma user_version = {version}")
    connection.close()
    with pytest.raises(IndexUnusable, match=f"version {version} of the index is not known"):
        MediaIndex(path)
    connection = sqlite3.connect(path)
    assert connection.execute("select name from sqlite_master").fetchall() == [("media",)]
    connection.close()


def test_what_is_no_database_is_refused_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "media.db"
    path.write_bytes(b"no database" * 100)
    with pytest.raises(IndexUnusable, match=str(path)):
        MediaIndex(path)


def test_a_migration_that_fails_leaves_the_old_index(tmp_path: Path) -> None:
    path = tmp_path / "media.db"
    connection = sqlite3.connect(path)
    connection.execute("create table media (something_else)")
    connection.execute("pragma user_version = 3")
    connection.close()
    with pytest.raises(IndexUnusable):
        MediaIndex(path)
    connection = sqlite3.connect(path)
    assert connection.execute("pragma user_version").fetchone() == (3,)
    assert connection.execute("select name from sqlite_master").fetchall() == [("media",)]
    connection.close()
