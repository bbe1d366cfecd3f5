"""The server dies at the worst moments: what it answered is there, what it did not is as before."""

import contextlib
import http.client
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.conftest import NewDevice, NewSync
from tests.support.accounts import Account
from tests.support.agreement import assert_all_sides_agree
from tests.support.device import NO_CHANGES
from tests.support.faults_connection import HandMadeRequest
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.faults_sync import (
    FIRST_NOTES,
    FirstCollection,
    WatchedClient,
    log_in,
)
from tests.support.raw_client import RawReply, compressed_pieces
from tests.support.stored_files import change, copy_of

OPTIONS = {"takeover_after": 1, "sync_wait": 10}

MEGABYTE = 1_000_000
# More than SQLite keeps in memory (40 MiB), so that it writes before the commit.
LARGE_CHUNK_NOTES = 60
# Two deaths within this time Granian takes for a loop of crashes, and ends.
CRASH_LOOP_SECONDS = 6
# Each is killed at a slightly different moment.
NEW_COLLECTIONS = 5
META = {"v": 11, "cv": "test"}

Kill = Callable[[WatchedServer], None]


def kill_all(server: WatchedServer) -> None:
    """Kill every process of the server, and start it again."""
    server.kill()
    server.start()


def kill_worker(server: WatchedServer) -> None:
    """Kill the one that serves; the one that watches over it starts another.

    Tests alternate between the two ways, so that no server sees two deaths close to each other.
    """
    killed = server.worker
    server.kill_worker()
    wait_until(lambda: server.worker_or_none() not in (None, killed), "a new worker was started")
    wait_until(server.answers, "the new worker answers")


@pytest.fixture(params=[kill_all, kill_worker])
def kill(request: pytest.FixtureRequest) -> Kill:
    chosen: Kill = request.param
    return chosen


@pytest.fixture
def larger_collection(first_collection: FirstCollection, tmp_path: Path) -> Path:
    """A sound collection of some megabytes with other notes."""
    copy = copy_of(first_collection.path, tmp_path / "larger")
    change(
        copy,
        "update notes set flds = 'new ' || flds",
        "create table if not exists filler (x)",
        "insert into filler values (randomblob(8000000))",
        "update col set scm = scm + 1, mod = mod + 1",
    )
    return copy


def test_killed_in_the_middle_of_an_upload_the_old_collection_stays(
    kill: Kill,
    server: WatchedServer,
    account: Account,
    client: WatchedClient,
    larger_collection: Path,
) -> None:
    before = server.tables(account)
    pieces = list(compressed_pieces(larger_collection.read_bytes()))
    with HandMadeRequest(server.port) as request:
        request.sync_head(client, "upload")
        for piece in pieces[: len(pieces) // 2]:
            request.piece(piece)
        wait_until(lambda: server.temporary_files(account), "the upload is being written")
        kill(server)
    assert server.tables(account) == before
    assert server.temporary_files(account) == [], "half an upload must not stay"
    assert server.backups(account) == []
    assert client.send("upload", larger_collection.read_bytes()).body == b"OK"


def test_killed_at_any_moment_of_an_upload_there_is_the_old_collection_or_the_new_one(
    server: WatchedServer,
    account: Account,
    client: WatchedClient,
    first_collection: FirstCollection,
    larger_collection: Path,
    background: ThreadPoolExecutor,
) -> None:
    old, new = FIRST_NOTES, sorted(f"new {text}" for text in FIRST_NOTES)
    body = larger_collection.read_bytes()
    folder = server.user_folder(account)
    moments: list[Callable[[], object]] = [
        lambda: server.temporary_files(account),
        lambda: any((folder / "tmp").glob("*-wal")) or uploading.done(),
        lambda: server.backups(account) or uploading.done(),
        lambda: server.notes(account) == new or uploading.done(),
        lambda: bool(uploading.result()),
    ]
    for moment in moments:
        assert client.send("upload", first_collection.path.read_bytes()).body == b"OK"
        uploading = background.submit(client.send, "upload", body)
        wait_until(moment, "the moment has come")
        kill_all(server)
        accepted = was_answered(uploading)
        found = server.notes(account)
        assert found == new if accepted else found in (old, new)
        # It must also open, which a collection with a foreign log beside it would not.
        assert client.call("meta", META).status == 200
        assert server.temporary_files(account) == []


def was_answered(uploading: "Future[RawReply]") -> bool:
    """Tell whether the upload was accepted before the server was killed."""
    try:
        return uploading.result().body == b"OK"
    except (OSError, http.client.HTTPException):
        return False


def test_killed_while_a_new_collection_is_made_the_person_can_sync(
    server: WatchedServer, background: ThreadPoolExecutor
) -> None:
    for _ in range(NEW_COLLECTIONS):
        account = server.new_account()
        client = log_in(server, account)
        folder, worker = server.data_root / "users" / account.name, server.worker
        asking = background.submit(client.call, "meta", META)
        # Within the milliseconds that it takes: a wait that sleeps would come too late.
        while not any([*folder.glob("tmp/*"), *folder.glob("collection*"), asking.done()]):
            pass
        os.kill(worker, signal.SIGKILL)
        kill_all(server)
        with contextlib.suppress(OSError, http.client.HTTPException):
            asking.result()
        assert server.temporary_files(account) == []
        answer = client.expect("meta", META)
        assert (answer["cont"], answer["msg"], answer["empty"]) == (True, "", True)
        assert client.call("download").status == 200


def test_killed_between_two_chunks_nothing_of_the_sync_stays(
    kill: Kill, server: WatchedServer, account: Account, new_sync: NewSync
) -> None:
    before = server.tables(account)
    sync = new_sync().begin()
    sync.exchange()
    sync.send_notes("in the first chunk")
    kill(server)
    assert sync.client.call("applyChunk", {"chunk": {}}).status == 409
    assert sync.client.call("finish").status == 409
    assert server.tables(account) == before
    sync.run("sent again")
    assert server.notes(account) == sorted([*FIRST_NOTES, "sent again"])


def test_killed_within_a_large_chunk_nothing_of_the_sync_stays(
    kill: Kill,
    server: WatchedServer,
    account: Account,
    new_sync: NewSync,
    background: ThreadPoolExecutor,
) -> None:
    before = server.tables(account)
    sync = new_sync().begin()
    texts = [f"{number} {'x' * MEGABYTE}" for number in range(LARGE_CHUNK_NOTES)]
    sending = background.submit(sync.send_notes, *texts)
    log = server.stored_collection(account).with_name("collection.anki2-wal")
    wait_until(lambda: log.exists() and log.stat().st_size > MEGABYTE, "rows are being written")
    kill(server)
    with contextlib.suppress(OSError, http.client.HTTPException):
        sending.result()
    assert sync.client.call("finish").status == 409
    assert server.tables(account) == before
    sync.run("sent again")
    assert server.notes(account) == sorted([*FIRST_NOTES, "sent again"])


def test_killed_right_after_finish_was_answered_all_of_the_sync_is_there(
    kill: Kill, server: WatchedServer, account: Account, new_sync: NewSync
) -> None:
    modified = new_sync().run("finished")
    kill(server)
    assert server.notes(account) == sorted([*FIRST_NOTES, "finished"])
    head = server.head(account)
    assert (head["mod"], head["ls"], head["usn"]) == (modified, modified, 1)


def test_killed_right_after_an_upload_was_accepted_it_is_there(
    server: WatchedServer, account: Account, client: WatchedClient, larger_collection: Path
) -> None:
    assert client.send("upload", larger_collection.read_bytes()).body == b"OK"
    kill_all(server)
    assert server.notes(account) == sorted(f"new {text}" for text in FIRST_NOTES)
    assert len(server.backups(account)) == 1


def test_killed_right_after_a_download_its_number_is_there(
    server: WatchedServer, account: Account, client: WatchedClient
) -> None:
    usn = server.head(account)["usn"]
    assert client.call("download").status == 200
    kill_all(server)
    assert server.head(account)["usn"] == usn + 1
    assert server.temporary_files(account) == []


def test_a_login_that_was_answered_survives(server: WatchedServer, client: WatchedClient) -> None:
    kill_all(server)
    assert client.call("meta", META).status == 200


def test_real_devices_go_on_after_the_server_was_killed_in_the_middle(
    kill: Kill,
    server: WatchedServer,
    account: Account,
    new_device: NewDevice,
    new_sync: NewSync,
    tmp_path: Path,
) -> None:
    laptop, phone = new_device("laptop"), new_device("phone")
    laptop.add_note("from the laptop")
    phone.add_note("from the phone")
    assert laptop.sync() == NO_CHANGES
    new_sync().begin().send_notes("never finished")
    kill(server)
    assert phone.sync() == NO_CHANGES
    assert laptop.sync() == NO_CHANGES
    assert_all_sides_agree(server, account, laptop, phone, folder=tmp_path / "sides")
    assert server.notes(account) == sorted([*FIRST_NOTES, "from the laptop", "from the phone"])


def test_a_sync_begun_before_is_a_conflict_for_its_client(
    kill: Kill, server: WatchedServer, new_sync: NewSync
) -> None:
    sync = new_sync().begin()
    kill(server)
    assert sync.client.call("chunk").status == 409
    assert sync.client.expect("abort") is None


def test_a_worker_that_dies_again_is_replaced_again(
    server: WatchedServer, new_sync: NewSync
) -> None:
    kill_all(server)
    kill_worker(server)
    new_sync().run("after its death")
    time.sleep(CRASH_LOOP_SECONDS)
    kill_worker(server)
    new_sync().run("after the other's death")
