"""No space left: a refusal that says so, the old state untouched, and all is well with space again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import NewSync
from tests.support.accounts import Account
from tests.support.faults_server import WatchedServer
from tests.support.faults_small_disk import SmallDisk, small_disk
from tests.support.faults_sync import (
    FIRST_NOTES,
    FirstCollection,
    HandMadeSync,
    WatchedClient,
    log_in,
    upload,
)
from tests.support.stored_files import change, copy_of

META = {"v": 11, "cv": "test"}
MEGABYTE = 1_000_000
DISK_MEGABYTES = 24


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    folder = tmp_path_factory.mktemp("server")
    with small_disk(folder / "data", DISK_MEGABYTES) as disk:
        yield disk


@pytest.fixture(scope="module")
def server(disk: SmallDisk) -> Iterator[WatchedServer]:
    """A server whose data root, but not its log, is on the small disk."""
    server = WatchedServer(disk.path.parent, {"takeover_after": 1, "sync_wait": 5})
    yield server
    server.stop()
    server.secrets.assert_not_in_log(server.log())


@pytest.fixture(autouse=True)
def _room_again(disk: SmallDisk) -> Iterator[None]:
    yield
    disk.empty()


@pytest.fixture
def large_collection(first_collection: FirstCollection, tmp_path: Path) -> Path:
    """A sound collection of four megabytes."""
    copy = copy_of(first_collection.path, tmp_path / "large")
    change(
        copy,
        "create table filler (x)",
        f"insert into filler values (randomblob({4 * MEGABYTE}))",
        "update col set mod = mod + 1",
    )
    return copy


def assert_says_so(status: int, body: bytes) -> None:
    assert status == 503
    assert b"disk is full" in body


@pytest.mark.parametrize("room", [0, MEGABYTE])
def test_an_upload_without_room_is_refused_and_the_old_collection_stays(
    room: int,
    disk: SmallDisk,
    server: WatchedServer,
    account: Account,
    client: WatchedClient,
    large_collection: Path,
) -> None:
    before = server.tables(account)
    disk.fill(leave=room)
    reply = client.send("upload", large_collection.read_bytes())
    assert_says_so(reply.status, reply.body)
    disk.empty()
    assert server.temporary_files(account) == []
    assert server.backups(account) == []
    assert server.tables(account) == before
    upload(client, large_collection)
    assert server.notes(account) == FIRST_NOTES


def test_an_upload_that_just_fits_but_cannot_be_opened_is_not_called_damaged(
    disk: SmallDisk,
    server: WatchedServer,
    account: Account,
    client: WatchedClient,
    first_collection: FirstCollection,
) -> None:
    before = server.tables(account)
    body = first_collection.path.read_bytes()
    for room in range(len(body) - 8192, len(body) + 40_960, 4096):
        disk.fill(leave=room)
        reply = client.send("upload", body)
        disk.empty()
        if reply.status == 200:
            assert reply.body == b"OK", "trouble that passes is no damage"
        else:
            assert_says_so(reply.status, reply.body)
            assert server.tables(account) == before
    assert server.notes(account) == FIRST_NOTES


def test_a_finish_without_room_is_refused_and_nothing_of_the_sync_stays(
    disk: SmallDisk, server: WatchedServer, account: Account, new_sync: NewSync
) -> None:
    before = server.tables(account)
    sync = new_sync().begin()
    sync.exchange()
    sync.send_notes(*(f"{number} {'x' * 100_000}" for number in range(20)))
    disk.fill()
    reply = sync.client.call("finish")
    assert_says_so(reply.status, reply.body)
    disk.empty()
    assert sync.client.call("finish").status == 409
    assert server.tables(account) == before
    sync.run("sent again")
    assert server.notes(account) == sorted([*FIRST_NOTES, "sent again"])


def test_a_chunk_without_room_is_refused_and_the_sync_is_rolled_back(
    disk: SmallDisk, server: WatchedServer, account: Account, new_sync: NewSync
) -> None:
    before = server.tables(account)
    sync = new_sync().begin()
    disk.fill()
    # More than SQLite keeps in memory, so that it needs the disk before the commit.
    reply = sync.send_notes(*(f"{number} {'x' * MEGABYTE}" for number in range(60)))
    assert_says_so(reply.status, reply.body)
    disk.empty()
    assert server.tables(account) == before
    sync.run("sent again")
    assert server.notes(account) == sorted([*FIRST_NOTES, "sent again"])


def test_a_download_without_room_is_refused(
    disk: SmallDisk,
    server: WatchedServer,
    account: Account,
    client: WatchedClient,
    large_collection: Path,
) -> None:
    upload(client, large_collection)
    client.expect("meta", META)
    disk.fill()
    reply = client.call("download")
    assert_says_so(reply.status, reply.body)
    disk.empty()
    assert server.temporary_files(account) == []
    assert client.call("download").status == 200
    assert server.notes(account) == FIRST_NOTES


def test_somebody_new_without_room_is_told_so(
    disk: SmallDisk, server: WatchedServer, first_collection: FirstCollection
) -> None:
    newcomer = log_in(server, server.new_account())
    disk.fill()
    reply = newcomer.call("meta", META)
    assert_says_so(reply.status, reply.body)
    disk.empty()
    assert newcomer.expect("meta", META)["empty"] is True
    upload(newcomer, first_collection.path)


def test_a_login_without_room_is_trouble_that_passes(
    disk: SmallDisk, server: WatchedServer, account: Account
) -> None:
    # Fills what the accounts' log has of its own, too.
    disk.fill()
    fresh = WatchedClient(server.url, server=server, name=account.name)
    reply = fresh.call("hostKey", {"u": account.name, "p": account.password})
    assert reply.status in (200, 503)
    if reply.status == 200:
        server.secrets.keys.append(reply.json["key"])
    disk.empty()
    log_in(server, account)


def test_reading_goes_on_without_room(
    disk: SmallDisk, server: WatchedServer, client: WatchedClient, new_sync: NewSync
) -> None:
    client.expect("meta", META)
    other = new_sync()
    disk.fill()
    assert client.call("meta", META).status == 200
    assert other.ask_meta().meta["usn"] == 0
    assert client.expect("abort") is None


def test_a_log_that_cannot_be_written_costs_nobody_an_answer(
    tmp_path: Path, first_collection: FirstCollection
) -> None:
    with small_disk(tmp_path / "disk", DISK_MEGABYTES) as disk:
        server = WatchedServer(disk.path / "server")
        try:
            client = log_in(server, server.new_account())
            upload(client, first_collection.path)
            sync = HandMadeSync(client, first_collection.notetype).begin()
            disk.fill()
            # More than the rest of the last page that the log has.
            assert {client.call("meta", META).status for _ in range(30)} == {200}
            assert client.call("chunk").status == 200
            assert client.call("finish").status in (200, 503)
            assert client.call("unknown").status == 404
            disk.empty()
            sync.run("afterwards")
        finally:
            server.stop()
