"""Folders move in from the official server, and out again, by being copied."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.accounts import Account
from tests.support.media_client import media_client
from tests.support.media_device import sha1
from tests.support.media_server import MediaServer, running_media_server
from tests.support.media_side_by_side import index_of
from tests.support.official_server import OfficialServer


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OfficialServer]:
    server = OfficialServer(tmp_path_factory.mktemp("official"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MediaServer]:
    yield from running_media_server(tmp_path_factory.mktemp("ours"), {})


def test_a_folder_of_the_official_server_moves_in_by_being_copied(
    official: OfficialServer, ours: MediaServer, tmp_path: Path
) -> None:
    account = official.new_account()
    theirs = media_client(official, account)
    theirs.upload(("a ü.png", b"a"), ("b.png", b"b"), ("deleted.png", b"c"))
    theirs.upload(("deleted.png", None), ("b.png", b"bb"))
    changes = theirs.changes()
    moved = ours.new_account()
    # As it lies there while the official server runs, with what is still in the log.
    shutil.copytree(official.folder / account.name, ours.folder(moved))
    client = media_client(ours, moved)
    assert client.begin() == theirs.begin() == 5
    assert client.changes() == changes
    assert client.download(["b.png", "a ü.png"]) == [("b.png", b"bb"), ("a ü.png", b"a")]
    assert client.sanity(2) == "OK"
    assert client.upload(("new.png", b"new"), ("a ü.png", None)) == (2, 7)
    assert ours.check(moved)["clean"]


def test_a_folder_of_ours_moves_out_by_being_copied(ours: MediaServer, tmp_path: Path) -> None:
    account = ours.new_account()
    client = media_client(ours, account)
    client.upload(("a.png", b"a"), ("b.png", b"b"))
    client.upload(("b.png", None))
    folder = tmp_path / "official"
    folder.mkdir()
    # The first account of the other server's pool gets the folder before that server starts.
    shutil.copytree(ours.folder(account), folder / "user0")
    official = OfficialServer(folder)
    try:
        moved = media_client(official, official.new_account())
        assert moved.begin() == 3
        assert moved.changes() == client.changes()
        assert moved.download(["a.png"]) == [("a.png", b"a")]
        assert moved.upload(("c.png", b"c")) == (1, 4)
    finally:
        official.stop()


def test_an_index_of_version_3_is_migrated_as_the_official_server_does(
    ours: MediaServer, tmp_path: Path
) -> None:
    account = ours.new_account()
    folders = (tmp_path / "official" / "user0", ours.folder(account))
    for folder in folders:
        make_version_3(folder, newest_usn=12)
    official = OfficialServer(tmp_path / "official")
    try:
        theirs = media_client(official, official.new_account())
        client = media_client(ours, account)
        assert (
            client.changes() == theirs.changes() == [("a.png", 4, sha1(b"aa")), ("b.png", 12, "")]
        )
        assert client.begin() == theirs.begin() == 12
        assert client.upload(("c.png", b"c")) == theirs.upload(("c.png", b"c")) == (1, 13)
        indexes = [index_of(folder, tmp_path / "copy") for folder in folders]
    finally:
        official.stop()
    for index in indexes:
        assert index["media"].pop()["fname"] == "c.png"  # stamped by each server's clock
    assert indexes[1] == indexes[0]
    assert ours.check(account)["clean"]


def test_migrating_an_index_of_version_3_never_takes_a_usn_back(
    ours: MediaServer, account_with_dropped_row: Account
) -> None:
    client = media_client(ours, account_with_dropped_row)
    assert client.begin() == 20
    assert client.upload(("c.png", b"c")) == (1, 21)
    # A device that was in step with version 3 learns of the new file.
    assert client.changes(20) == [("c.png", 21, sha1(b"c"))]


@pytest.fixture
def account_with_dropped_row(ours: MediaServer) -> Account:
    """An account whose newest change was the deletion of a file of unknown checksum."""
    account = ours.new_account()
    make_version_3(ours.folder(account), newest_usn=12, dropped_usn=20)
    return account


def make_version_3(folder: Path, *, newest_usn: int, dropped_usn: int = 5) -> None:
    (folder / "media").mkdir(parents=True)
    (folder / "media" / "a.png").write_bytes(b"aa")
    with closing(sqlite3.connect(folder / "media.db")) as connection:
        connection.executescript(
            """
            create table media (
              fname text not null primary key, csum blob, sz int not null, usn int not null,
              deleted int not null
            );
            create index ix_usn on media (usn);
            create table meta (usn int not null, sz int not null);
            pragma user_version = 3;
            """
        )
        rows = [
            ("a.png", bytes.fromhex(sha1(b"aa")), 2, 4, 0),
            ("b.png", bytes.fromhex(sha1(b"b")), 0, newest_usn, 1_500_000_000),
            ("dropped.png", None, 0, dropped_usn, 1_500_000_000),
        ]
        connection.executemany("insert into media values (?, ?, ?, ?, ?)", rows)
        connection.execute("insert into meta values (?, 2)", (max(newest_usn, dropped_usn),))
        connection.commit()
