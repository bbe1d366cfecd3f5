"""Identical files of different users take disk space once, and nobody notices it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from syncserver.media.shared_store import SharedStore
from tests.support.accounts import Account
from tests.support.media_client import MediaClient, media_client
from tests.support.media_server import (
    MediaServer,
    running_media_server,
    small_disk,
    wait_until,
)

SAME = ("same.png", b"the same bytes" * 1000)


@pytest.fixture
def other_account(server: MediaServer) -> Account:
    return server.new_account()


@pytest.fixture
def other_client(server: MediaServer, other_account: Account) -> MediaClient:
    return media_client(server, other_account)


def stored(server: MediaServer, account: Account, name: str = SAME[0]) -> Path:
    return server.folder(account) / "media" / name


def links(path: Path) -> int:
    return path.stat().st_nlink


def same_bytes_on_disk(one: Path, another: Path) -> bool:
    return one.stat().st_ino == another.stat().st_ino


def test_identical_files_of_two_users_are_on_disk_once(
    server: MediaServer,
    account: Account,
    client: MediaClient,
    other_account: Account,
    other_client: MediaClient,
) -> None:
    client.upload(SAME, ("mine.png", b"mine"))
    other_client.upload(("another name.png", SAME[1]), ("theirs.png", b"theirs"))
    mine, theirs = stored(server, account), stored(server, other_account, "another name.png")
    assert same_bytes_on_disk(mine, theirs)
    assert links(mine) == 3, "two users and the store"
    assert not same_bytes_on_disk(
        stored(server, account, "mine.png"), stored(server, other_account, "theirs.png")
    )


def test_identical_files_of_one_user_are_on_disk_once(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    content = os.urandom(1000)
    client.upload(("a.png", content), ("b.png", content))
    assert same_bytes_on_disk(stored(server, account, "a.png"), stored(server, account, "b.png"))
    client.upload(("a.png", None))
    assert client.download(["b.png"]) == [("b.png", content)]


def test_deleting_or_replacing_a_file_leaves_the_other_users(
    server: MediaServer,
    account: Account,
    client: MediaClient,
    other_account: Account,
    other_client: MediaClient,
) -> None:
    content = os.urandom(1000)
    for one in (client, other_client):
        one.upload(("deleted.png", content), ("replaced.png", content))
    client.upload(("deleted.png", None), ("replaced.png", b"new"))
    names = ["deleted.png", "replaced.png"]
    assert other_client.download(names) == [(name, content) for name in names]
    assert client.download(["replaced.png"]) == [("replaced.png", b"new")]
    server.assert_clean(account)
    server.assert_clean(other_account)


def test_a_purged_user_takes_nothing_from_the_others(
    server: MediaServer,
    account: Account,
    client: MediaClient,
    other_account: Account,
    other_client: MediaClient,
) -> None:
    content = os.urandom(1000)
    client.upload(("a.png", content))
    other_client.upload(("a.png", content))
    server.control("deluser", account.name, "--purge", "--yes")
    wait_until(lambda: not server.folder(account).exists(), "the files were removed")
    assert other_client.download(["a.png"]) == [("a.png", content)]
    assert links(stored(server, other_account, "a.png")) == 2
    server.assert_clean(other_account)


def test_only_what_nobody_has_any_more_leaves_the_store(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    kept, dropped = os.urandom(1000), os.urandom(1000)
    client.upload(("kept.png", kept), ("dropped.png", dropped))
    store = SharedStore(server.data_root / "media-store")
    store.remove_unused()
    before = len(server.shared())
    client.upload(("dropped.png", None))
    assert store.remove_unused() == 0, "what lies in the trash is still somebody's"
    for folder in (server.folder(account) / "media-trash").iterdir():
        for file in folder.iterdir():
            file.unlink()
    assert store.remove_unused() == 1
    assert len(server.shared()) == before - 1
    assert client.download(["kept.png"]) == [("kept.png", kept)]


@pytest.mark.parametrize("damaged", [b"the same byteS" * 1000, b"cut short"])
def test_damage_in_the_store_does_not_spread(
    server: MediaServer,
    account: Account,
    client: MediaClient,
    other_account: Account,
    other_client: MediaClient,
    damaged: bytes,
) -> None:
    client.upload(SAME)
    # Somebody edits a user's file in place, and with it all its links.
    stored(server, account).write_bytes(damaged)
    other_client.upload(SAME)
    assert other_client.download([SAME[0]]) == [SAME]
    server.assert_clean(other_account)
    assert server.check(account)["wrong_content"] == [SAME[0]]


def test_without_share_media_every_user_has_copies(tmp_path: Path) -> None:
    with running(tmp_path / "server", share_media="false") as server:
        assert_two_users_have_copies(server)
        assert not (server.data_root / "media-store").exists()


def test_where_links_do_not_work_every_user_has_copies(tmp_path: Path) -> None:
    store = tmp_path / "server" / "data" / "media-store"
    store.mkdir(parents=True)
    with small_disk(store, megabytes=4), running(tmp_path / "server") as server:
        assert_two_users_have_copies(server)
        assert server.shared() == []


def assert_two_users_have_copies(server: MediaServer) -> None:
    accounts = [server.new_account() for _ in range(2)]
    for account in accounts:
        client = media_client(server, account)
        assert client.upload(SAME) == (1, 1)
        assert client.download([SAME[0]]) == [SAME]
        assert links(stored(server, account)) == 1
        server.assert_clean(account)


@contextmanager
def running(folder: Path, **options: object) -> Iterator[MediaServer]:
    yield from running_media_server(folder, options)
