"""Two devices of one person at the same time: both succeed, and neither can disturb the other."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from anki.errors import SyncError, SyncErrorKind

from tests.faults.conftest import NewClient, NewDevice, NewSync
from tests.support.accounts import Account
from tests.support.agreement import assert_all_sides_agree
from tests.support.device import FULL_SYNC, NO_CHANGES
from tests.support.faults_gate import Gate
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.faults_sync import (
    FIRST_NOTES,
    FirstCollection,
    HandMadeSync,
    WatchedClient,
    log_in,
    upload,
)
from tests.support.stored_files import read_tables

# Whoever is heard of is never taken over here, so that the order of things depends on nothing else.
OPTIONS = {"takeover_after": 60, "sync_wait": 6}


def test_a_second_device_waits_for_the_sync_in_progress_and_both_succeed(
    server: WatchedServer,
    account: Account,
    new_sync: NewSync,
    new_device: NewDevice,
    background: ThreadPoolExecutor,
    tmp_path: Path,
) -> None:
    phone = new_device("phone")
    phone.add_note("from the phone")
    by_hand = new_sync().begin()
    with Gate(server.port, "start") as gate:
        phone.auth.endpoint = gate.url  # type: ignore[union-attr]
        waiting = background.submit(phone.sync)
        gate.wait_until_reached()
        gate.open()
        by_hand.exchange()
        assert by_hand.send_notes("by hand").status == 200
        assert not waiting.done(), "the phone's start waits for the sync in progress"
        by_hand.finish()
        assert waiting.result() == NO_CHANGES
    order = [
        event["event"]
        for event in server.all_events()
        if event.get("user") == account.name and event["event"].startswith("sync_")
    ]
    assert order == ["sync_started", "sync_finished"] * 2
    phone.auth.endpoint = server.url  # type: ignore[union-attr]
    assert phone.has_note(phone.col.find_notes('"front:by hand"')[0])
    # The phone counts syncs from its `meta` on; its next one brings it into step.
    phone.add_note("later")
    assert_all_sides_agree(server, account, phone, folder=tmp_path / "sides")
    assert server.notes(account) == sorted([*FIRST_NOTES, "by hand", "from the phone", "later"])


def test_several_devices_at_once_all_succeed(
    server: WatchedServer,
    account: Account,
    new_sync: NewSync,
    background: ThreadPoolExecutor,
) -> None:
    syncs = [new_sync() for _ in range(4)]
    texts = [f"from device {number}" for number in range(4)]
    list(background.map(HandMadeSync.run, syncs, texts))
    assert server.notes(account) == sorted([*FIRST_NOTES, *texts])
    assert server.head(account)["usn"] == 4


def test_meta_is_answered_in_the_middle_of_a_sync_with_what_is_committed(
    server: WatchedServer, account: Account, new_sync: NewSync, new_client: NewClient
) -> None:
    other = new_client()
    before = other.expect("meta", {"v": 11, "cv": "test"})
    sync = new_sync().begin()
    sync.exchange()
    sync.send_notes("not yet committed")
    during = other.expect("meta", {"v": 11, "cv": "test"})
    assert {**during, "ts": 0} == {**before, "ts": 0}
    modified = sync.finish()
    after = other.expect("meta", {"v": 11, "cv": "test"})
    assert (after["mod"], after["usn"]) == (modified, before["usn"] + 1)
    assert after["scm"] == before["scm"]


def test_meta_is_answered_while_another_device_waits(
    new_sync: NewSync, new_client: NewClient, background: ThreadPoolExecutor
) -> None:
    sync = new_sync().begin()
    waiting = new_sync().ask_meta()
    start = background.submit(waiting.start)
    new_client().expect("meta", {"v": 11, "cv": "test"})
    assert not start.done()
    sync.finish()
    assert start.result().status == 200


def test_a_sync_that_is_heard_of_is_not_taken_over_and_the_other_device_is_told_to_try_again(
    server: WatchedServer,
    account: Account,
    new_sync: NewSync,
    background: ThreadPoolExecutor,
) -> None:
    lively, other = new_sync().begin(), new_sync().ask_meta()
    refused = background.submit(other.start)
    while not refused.done():
        assert lively.client.call("chunk").status == 200
        time.sleep(0.1)
    assert refused.result().status == 409
    lively.send_notes("undisturbed")
    lively.finish()
    other.run("at the next try")
    assert server.notes(account) == sorted([*FIRST_NOTES, "undisturbed", "at the next try"])


def test_a_sync_of_the_same_login_takes_over_at_once(
    server: WatchedServer, account: Account, new_sync: NewSync, first_collection: FirstCollection
) -> None:
    given_up = new_sync().begin()
    given_up.send_notes("given up")
    client = given_up.client
    assert isinstance(client, WatchedClient)
    again = HandMadeSync(client.another_session(), first_collection.notetype)
    again.run("sent again")
    assert given_up.client.call("finish").status == 409
    assert given_up.send_notes("too late").status == 409
    assert server.notes(account) == sorted([*FIRST_NOTES, "sent again"])
    assert server.events("sync_taken_over")


def test_the_same_client_may_begin_anew(
    server: WatchedServer, account: Account, new_sync: NewSync
) -> None:
    sync = new_sync().begin()
    sync.send_notes("given up")
    sync.run("sent again")
    assert server.notes(account) == sorted([*FIRST_NOTES, "sent again"])


@pytest.mark.parametrize(
    ("method", "payload"),
    [
        ("applyGraves", {"chunk": {"cards": [], "decks": [], "notes": []}}),
        ("applyChanges", {"changes": {"models": [], "decks": [[], []], "tags": []}}),
        ("chunk", {}),
        ("applyChunk", {"chunk": {}}),
        ("sanityCheck2", {"client": [[0, 0, 0], 0, 0, 0, 0, 0, 0, 0]}),
        ("finish", {}),
    ],
)
def test_a_step_with_a_foreign_session_key_or_login_is_refused_and_disturbs_nothing(
    method: str,
    payload: object,
    server: WatchedServer,
    account: Account,
    new_sync: NewSync,
    new_client: NewClient,
) -> None:
    sync = new_sync().begin()
    sync.send_notes("mine")
    client = sync.client
    assert isinstance(client, WatchedClient)
    stolen = new_client()
    stolen.session_key = client.session_key
    for stranger in (client.another_session(), new_client(), stolen):
        assert stranger.call(method, payload).status == 409
    sync.finish()
    assert server.notes(account) == sorted([*FIRST_NOTES, "mine"])


def test_abort_with_a_foreign_session_key_does_nothing(
    server: WatchedServer, account: Account, new_sync: NewSync, new_client: NewClient
) -> None:
    sync = new_sync().begin()
    sync.send_notes("mine")
    client = sync.client
    assert isinstance(client, WatchedClient)
    stolen = new_client()
    stolen.session_key = client.session_key
    for stranger in (client.another_session(), new_client(), stolen):
        assert stranger.expect("abort") is None
    sync.finish()
    assert server.notes(account) == sorted([*FIRST_NOTES, "mine"])


def test_abort_rolls_the_own_sync_back_and_may_be_repeated(
    server: WatchedServer, account: Account, new_sync: NewSync
) -> None:
    sync = new_sync().begin()
    sync.send_notes("aborted")
    for _ in range(3):
        assert sync.client.expect("abort") is None
    assert sync.client.call("finish").status == 409
    assert server.notes(account) == FIRST_NOTES
    assert len(server.events("sync_aborted")) >= 1


def test_steps_without_a_sync_are_conflicts(client: WatchedClient) -> None:
    for method in ("chunk", "finish"):
        assert client.call(method).status == 409
    assert client.expect("abort") is None


def test_another_person_is_never_waited_for(
    server: WatchedServer, new_sync: NewSync, first_collection: FirstCollection
) -> None:
    sync = new_sync().begin()
    stranger = log_in(server, server.new_account())
    upload(stranger, first_collection.path)
    HandMadeSync(stranger, first_collection.notetype).run("elsewhere")
    assert sync.client.call("chunk").status == 200
    sync.finish()


# Between meta and start


def test_a_sync_that_another_device_completes_between_meta_and_start_is_missed_by_nobody(
    server: WatchedServer, account: Account, new_device: NewDevice, tmp_path: Path
) -> None:
    laptop, phone, tablet = (new_device(name) for name in ("laptop", "phone", "tablet"))
    laptop.add_note("from the laptop")
    phone.add_note("from the phone")
    with ThreadPoolExecutor() as background, Gate(server.port, "start") as gate:
        laptop.auth.endpoint = gate.url  # type: ignore[union-attr]
        held = background.submit(laptop.sync)
        gate.wait_until_reached()
        assert phone.sync() == NO_CHANGES
        gate.open()
        assert held.result() == NO_CHANGES
    laptop.auth.endpoint = server.url  # type: ignore[union-attr]
    # The one that completed first must be sent what came later with the older number.
    assert phone.sync() == NO_CHANGES
    assert phone.has_note(phone.col.find_notes('"front:from the laptop"')[0])
    assert_all_sides_agree(server, account, laptop, phone, tablet, folder=tmp_path / "sides")
    expected = sorted([*FIRST_NOTES, "from the laptop", "from the phone"])
    assert server.notes(account) == expected


def test_an_edit_in_that_race_reaches_the_other_device_too(
    server: WatchedServer, account: Account, new_device: NewDevice, tmp_path: Path
) -> None:
    laptop, phone = new_device("laptop"), new_device("phone")
    note = laptop.col.find_notes("front:one")[0]
    laptop.edit_note(note, "one", "edited on the laptop")
    phone.add_note("from the phone")
    with ThreadPoolExecutor() as background, Gate(server.port, "start") as gate:
        laptop.auth.endpoint = gate.url  # type: ignore[union-attr]
        held = background.submit(laptop.sync)
        gate.wait_until_reached()
        assert phone.sync() == NO_CHANGES
        gate.open()
        assert held.result() == NO_CHANGES
    laptop.auth.endpoint = server.url  # type: ignore[union-attr]
    assert_all_sides_agree(server, account, laptop, phone, folder=tmp_path / "sides")
    assert phone.fields(note) == ["one", "edited on the laptop"]


def test_an_upload_between_meta_and_start_is_a_conflict_and_the_next_try_is_told_of_it(
    server: WatchedServer, account: Account, new_device: NewDevice, tmp_path: Path
) -> None:
    laptop, phone = new_device("laptop"), new_device("phone")
    laptop.add_note("from the laptop")
    phone.add_note("from the phone")
    phone.col.set_schema_modified()
    with ThreadPoolExecutor() as background, Gate(server.port, "start") as gate:
        laptop.auth.endpoint = gate.url  # type: ignore[union-attr]
        held = background.submit(laptop.sync)
        gate.wait_until_reached()
        phone.upload()
        gate.open()
        with pytest.raises(SyncError) as refused:
            held.result()
    assert "Only one copy of Anki" in str(refused.value)
    assert refused.value.kind == SyncErrorKind.OTHER
    laptop.auth.endpoint = server.url  # type: ignore[union-attr]
    assert laptop.sync() == FULL_SYNC
    laptop.download()
    assert_all_sides_agree(server, account, laptop, phone, folder=tmp_path / "sides")
    assert server.notes(account) == sorted([*FIRST_NOTES, "from the phone"])


def test_an_upload_waits_for_the_sync_in_progress(
    server: WatchedServer,
    account: Account,
    new_sync: NewSync,
    client: WatchedClient,
    first_collection: FirstCollection,
    background: ThreadPoolExecutor,
) -> None:
    sync = new_sync().begin()
    sync.send_notes("finished before the upload")
    body = first_collection.path.read_bytes()
    uploading = background.submit(client.send, "upload", body)
    wait_until(lambda: server.temporary_files(account), "the upload has arrived")
    assert sync.client.call("chunk").status == 200
    assert not uploading.done()
    sync.finish()
    assert uploading.result().body == b"OK"
    assert server.notes(account) == FIRST_NOTES
    assert len(server.backups(account)) == 1, "what the upload replaced is kept"


def test_a_download_waits_for_the_sync_in_progress(
    new_sync: NewSync, client: WatchedClient, background: ThreadPoolExecutor, tmp_path: Path
) -> None:
    sync = new_sync().begin()
    downloading = background.submit(client.call, "download")
    sync.exchange()
    sync.send_notes("finished before the download")
    assert not downloading.done()
    sync.finish()
    path = tmp_path / "downloaded.anki2"
    path.write_bytes(downloading.result().body)
    assert len(read_tables(path)["notes"]) == len(FIRST_NOTES) + 1
