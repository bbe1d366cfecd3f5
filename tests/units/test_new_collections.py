"""A user's first collection: made whole beside its place, and of nothing that lay there before."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from syncserver.collections.folders import UserFolder
from syncserver.collections.lease import Collections
from syncserver.settings import Settings

FOREIGN_USN = 77
FOREIGN_TABLE = "filler"


@pytest.fixture
def collections(tmp_path: Path) -> Iterator[Collections]:
    made = Collections(Settings(data_root=tmp_path))
    yield made
    made.close(wait_seconds=0)


@pytest.fixture
def folder(tmp_path: Path) -> UserFolder:
    """The folder of somebody whose collection is gone."""
    folder = UserFolder(tmp_path / "users" / "user")
    folder.prepare()
    return folder


def leave_write_ahead_log(folder: UserFolder, scratch: Path) -> None:
    """Leave what a killed server leaves of a collection with a commit that was not folded in."""
    others = Collections(Settings(data_root=scratch))
    with others.lease("other") as lease:
        lease.collection.begin()
        lease.collection.execute("update col set usn = ?", FOREIGN_USN)
        lease.collection.commit()
        log = scratch / "users" / "other" / "collection.anki2-wal"
        shutil.copyfile(log, folder.path / log.name)
    others.close(wait_seconds=0)


def leave_journal(folder: UserFolder, scratch: Path) -> None:
    """Leave what a server that was killed while SQLite filled a new file leaves."""
    scratch.mkdir()
    with closing(sqlite3.connect(scratch / "collection.anki2")) as database:
        database.execute("pragma cache_size = 1")
        database.execute(f"create table {FOREIGN_TABLE} (x)")
        database.execute("begin")
        database.execute(f"insert into {FOREIGN_TABLE} values (randomblob(1000000))")
        journal = scratch / "collection.anki2-journal"
        shutil.copyfile(journal, folder.path / journal.name)


def test_nothing_lies_beside_it_when_it_is_closed(
    collections: Collections, folder: UserFolder
) -> None:
    with collections.lease("user") as lease:
        assert lease.collection.integrity_problems() == []
        lease.close_collection()
    assert sorted(path.name for path in folder.path.rglob("*")) == ["collection.anki2", "tmp"]
    assert folder.collection.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("leave", [leave_write_ahead_log, leave_journal])
def test_what_was_left_of_a_removed_collection_does_not_get_into_the_new_one(
    leave: Callable[[UserFolder, Path], None],
    collections: Collections,
    folder: UserFolder,
    tmp_path: Path,
) -> None:
    leave(folder, tmp_path / "scratch")
    with collections.lease("user") as lease:
        assert lease.collection.integrity_problems() == []
        assert lease.collection.scalar("select usn from col") == 0
        assert FOREIGN_TABLE not in lease.collection.column("select name from sqlite_master")
