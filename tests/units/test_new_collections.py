"""A user's first collection: put whole into its place, and made of nothing that lay there before."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from syncserver.collections.folders import UserFolder
from syncserver.collections.lease import Collections
from syncserver.settings import Settings
from syncserver.sync.collection_file import Holdings
from syncserver.sync.full_upload import Candidate, replace_collection

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


def use_the_first(_collections: Collections, _scratch: Path) -> None:
    """Leave it to the server to make the collection."""


def upload_another(collections: Collections, scratch: Path) -> None:
    """Put a collection that a device sent in its place."""
    with collections.lease("of the device") as lease:
        assert lease.collection
        lease.close_collection()
        shutil.copyfile(lease.folder.collection, scratch / "sent")
    with collections.lease("user") as lease:
        replace_collection(lease, Candidate(scratch / "sent", Holdings(0, 0)), backups_keep=1)


def test_nothing_lies_beside_it_when_it_is_closed(
    collections: Collections, folder: UserFolder
) -> None:
    with collections.lease("user") as lease:
        assert lease.collection.integrity_problems() == []
        lease.close_collection()
    assert sorted(path.name for path in folder.path.rglob("*")) == ["collection.anki2", "tmp"]
    assert folder.collection.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("come_by", [use_the_first, upload_another])
@pytest.mark.parametrize("leave", [leave_write_ahead_log, leave_journal])
def test_what_was_left_of_a_removed_collection_does_not_get_into_the_new_one(
    leave: Callable[[UserFolder, Path], None],
    come_by: Callable[[Collections, Path], None],
    collections: Collections,
    folder: UserFolder,
    tmp_path: Path,
) -> None:
    leave(folder, tmp_path / "scratch")
    come_by(collections, tmp_path / "scratch")
    with collections.lease("user") as lease:
        assert lease.collection.integrity_problems() == []
        assert lease.collection.scalar("select usn from col") == 0
        assert FOREIGN_TABLE not in lease.collection.column("select name from sqlite_master")
