"""Syncs that are not heard of any more give way: to another device, and in the end to nobody."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from anki.errors import SyncError

from tests.faults.conftest import NewDevice, NewSync
from tests.support.accounts import Account
from tests.support.agreement import assert_all_sides_agree
from tests.support.device import NO_CHANGES
from tests.support.faults_gate import Gate
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.faults_sync import FIRST_NOTES, FirstCollection, WatchedClient

OPTIONS = {"takeover_after": 1, "sync_wait": 10, "sync_timeout": 4}


def test_a_silent_sync_is_taken_over_and_its_device_succeeds_at_the_next_try(
    server: WatchedServer, account: Account, new_sync: NewSync
) -> None:
    silent, other = new_sync().begin(), new_sync()
    silent.send_notes("sent, then silence")
    other.run("from the other device")
    assert silent.client.call("finish").status == 409
    assert server.notes(account) == sorted([*FIRST_NOTES, "from the other device"])
    silent.run("sent again")
    expected = sorted([*FIRST_NOTES, "from the other device", "sent again"])
    assert server.notes(account) == expected


def test_a_real_device_that_was_taken_over_loses_nothing(
    server: WatchedServer,
    account: Account,
    new_device: NewDevice,
    background: ThreadPoolExecutor,
    tmp_path: Path,
) -> None:
    laptop, phone = new_device("laptop"), new_device("phone")
    laptop.add_note("from the laptop")
    phone.add_note("from the phone")
    with Gate(server.port, "applyChunk") as gate:
        laptop.auth.endpoint = gate.url  # type: ignore[union-attr]
        stuck = background.submit(laptop.sync)
        gate.wait_until_reached()
        assert phone.sync() == NO_CHANGES
        gate.open()
        with pytest.raises(SyncError, match="Only one copy of Anki"):
            stuck.result()
    laptop.auth.endpoint = server.url  # type: ignore[union-attr]
    assert laptop.sync() == NO_CHANGES
    assert_all_sides_agree(server, account, laptop, phone, folder=tmp_path / "sides")
    assert server.notes(account) == sorted([*FIRST_NOTES, "from the laptop", "from the phone"])


def test_an_upload_takes_a_silent_sync_over(
    server: WatchedServer,
    account: Account,
    new_sync: NewSync,
    client: WatchedClient,
    first_collection: FirstCollection,
) -> None:
    silent = new_sync().begin()
    silent.send_notes("sent, then silence")
    assert client.send("upload", first_collection.path.read_bytes()).body == b"OK"
    assert silent.client.call("finish").status == 409
    assert server.notes(account) == FIRST_NOTES


def test_a_sync_that_is_silent_for_long_is_rolled_back_without_anybody_asking(
    server: WatchedServer, account: Account, new_sync: NewSync
) -> None:
    sync = new_sync().begin()
    sync.send_notes("sent, then silence")
    folder = server.user_folder(account).name

    def timed_out() -> bool:
        return any(event["folder"] == folder for event in server.events("sync_timed_out"))

    wait_until(timed_out, "the housekeeping has rolled the sync back")
    wait_until(lambda: folder not in server.open_collections(), "the collection is closed")
    log = server.stored_collection(account).with_name("collection.anki2-wal")
    assert not log.exists(), "what was rolled back lies beside the collection"
    assert sync.client.call("finish").status == 409
    assert server.notes(account) == FIRST_NOTES
    sync.run("sent again")
    assert server.notes(account) == sorted([*FIRST_NOTES, "sent again"])
