"""The journal of a user's syncs says what real devices have done, in figures and in words."""

import json
import secrets
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import NewDevice, NewSync
from tests.support.accounts import Account
from tests.support.device import DEFAULT_DECK, NO_CHANGES, Device
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.faults_sync import (
    FirstCollection,
    HandMadeSync,
    WatchedClient,
    log_in,
    make_first_collection,
    upload,
)
from tests.support.looking_in import get
from tests.support.media_device import delete_media, sync_media, write_media
from tests.support.raw_client import compressed_pieces

OPTIONS = {"takeover_after": 1, "sync_wait": 2, "max_media_file_bytes": 1000}

Entry = dict[str, Any]


def journal(server: WatchedServer, account: Account, limit: int = 100) -> list[Entry]:
    """Return the account's journal, the oldest first."""
    text = server.control("log", account.name, "--limit", str(limit), "--json")
    entries: list[Entry] = json.loads(text)
    return entries[::-1]


def newest(server: WatchedServer, account: Account) -> Entry:
    return journal(server, account)[-1]


def told(server: WatchedServer, account: Account) -> str:
    """Return what is told of the newest entry in words."""
    return server.control("log", account.name, "--limit", "1")


@pytest.fixture
def pair(server: WatchedServer, account: Account, new_device: NewDevice) -> tuple[Device, Device]:
    """Two devices that hold the same, as far as each of them knows."""
    laptop = new_device("laptop")
    laptop.upload()
    return laptop, new_device("phone")


def test_a_sync_is_told_with_what_went_both_ways(
    server: WatchedServer, account: Account, pair: tuple[Device, Device]
) -> None:
    laptop, phone = pair
    first = laptop.cards_of(laptop.col.find_notes("front:one")[0])[0]
    laptop.review(first)
    laptop.add_note("new", "note", tags=["fresh"])
    laptop.col.remove_notes([laptop.col.find_notes("front:two")[0]])
    assert laptop.sync() == NO_CHANGES
    entry = newest(server, account)
    assert (entry["kind"], entry["outcome"], entry["reason"]) == ("sync", "finished", "")
    assert entry["user"] == account.name
    assert entry["client"].startswith("2")
    received = entry["received"]
    assert (received["notes"], received["revlog"], received["tags"]) == (1, 1, 1)
    assert received["cards"] == 2
    assert received["graves"] == 2  # the note and its card
    assert entry["sent"] == {}
    assert entry["bytes_in"] > entry["bytes_out"] > 0
    assert entry["milliseconds"] >= 0

    assert phone.sync() == NO_CHANGES
    other = newest(server, account)
    assert other["device"] != entry["device"]
    for kind in ("notes", "cards", "revlog", "tags", "graves"):
        assert other["sent"][kind] == received[kind]
    words = told(server, account)
    assert "synced: got 1 note, 2 cards, 1 review" in words
    assert "2 deletions" in words


def test_nothing_but_a_look_leaves_no_entry(
    server: WatchedServer, account: Account, pair: tuple[Device, Device]
) -> None:
    # The phone's download asks for one.
    assert pair[0].sync() == NO_CHANGES
    before = journal(server, account)
    assert pair[0].sync() == NO_CHANGES
    assert journal(server, account) == before


def test_the_device_that_changed_a_note_later_has_won(
    server: WatchedServer, account: Account, pair: tuple[Device, Device]
) -> None:
    laptop, phone = pair
    note = laptop.col.find_notes("front:one")[0]
    laptop.edit_note(note, "one", "older")
    phone.edit_note(note, "one", "newer")
    phone.a_minute_later()
    assert laptop.sync() == NO_CHANGES
    assert newest(server, account)["won_by_client"] == {}
    assert phone.sync() == NO_CHANGES
    entry = newest(server, account)
    assert entry["won_by_client"] == {"notes": 1}
    assert entry["won_by_server"] == {}
    assert "changed on both sides: kept 1 note of the device" in told(server, account)


def test_the_server_has_won_what_was_changed_later_elsewhere(
    server: WatchedServer, account: Account, pair: tuple[Device, Device]
) -> None:
    laptop, phone = pair
    for device in pair:
        device.col.decks.rename(DEFAULT_DECK, device.col.path[-30:])
        basic = device.notetype("Basic")
        basic["css"] = device.col.path
        device.col.models.update_dict(basic)
    laptop.a_minute_later()
    assert (laptop.sync(), phone.sync()) == (NO_CHANGES, NO_CHANGES)
    entry = newest(server, account)
    assert entry["won_by_client"] == {}
    assert entry["won_by_server"] == {"decks": 1, "notetypes": 1}
    assert "kept 1 notetype, 1 deck of the server" in told(server, account)


def test_an_older_row_that_is_sent_all_the_same_has_lost(
    server: WatchedServer, account: Account, new_sync: NewSync
) -> None:
    first, second = new_sync().ask_meta(), new_sync().ask_meta()
    chunk = first.chunk(["by the first"])
    first.begin().client.expect("applyChunk", {"chunk": chunk})
    first.finish()
    chunk["notes"][0][3] -= 60
    chunk["cards"][0][4] += 60
    second.client.call("meta", {"v": 11, "cv": "test"})
    assert second.start().status == 200
    second.client.expect("applyChunk", {"chunk": chunk})
    second.finish()
    entry = newest(server, account)
    assert entry["won_by_server"] == {"notes": 1}
    assert entry["won_by_client"] == {"cards": 1}


def test_whole_collections_are_told(
    server: WatchedServer, account: Account, pair: tuple[Device, Device]
) -> None:
    kinds = [(one["kind"], one["outcome"]) for one in journal(server, account)]
    assert kinds == [
        ("upload", "finished"),
        ("download", "finished"),
        ("upload", "finished"),
        ("download", "finished"),
    ]
    entries = journal(server, account)
    assert [one["received"] for one in entries] == [{"notes": 3}, {}, {"notes": 3}, {}]
    assert entries[1]["bytes_out"] > entries[1]["bytes_in"]
    assert "fetched the whole collection" in told(server, account)


def test_a_download_that_the_device_gives_up_is_told(
    server: WatchedServer, account: Account, tmp_path: Path
) -> None:
    device = Device(tmp_path / "large")
    device.add_notes([(secrets.token_hex(20_000), "back") for _ in range(600)])
    device.close()
    client = log_in(server, account)
    upload(client, Path(device.col.path))
    payload = b"".join(compressed_pieces(b"{}"))
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        head = (
            "POST /sync/download HTTP/1.1\r\nHost: localhost\r\n"
            f"anki-sync: {client.sync_header()}\r\nContent-Length: {len(payload)}\r\n\r\n"
        )
        connection.sendall(head.encode() + payload)
        assert connection.recv(1000)
    wait_until(lambda: newest(server, account)["kind"] == "download", "its end is noted")
    entry = newest(server, account)
    assert (entry["outcome"], entry["reason"]) == (
        "failed",
        "the device hung up before it had everything",
    )


def test_a_refused_upload_is_told_with_its_reason(
    server: WatchedServer, account: Account, client: WatchedClient
) -> None:
    client.send("upload", b"no collection")
    entry = newest(server, account)
    assert (entry["kind"], entry["outcome"]) == ("upload", "refused")
    assert entry["reason"]
    assert f"was refused an upload; nothing was changed: {entry['reason']}" in told(server, account)


def test_syncs_that_did_not_finish_are_told(
    server: WatchedServer, account: Account, new_sync: NewSync
) -> None:
    def last() -> tuple[str, str]:
        entry = newest(server, account)
        return entry["outcome"], entry["reason"]

    new_sync().begin().client.expect("abort")
    assert last() == ("aborted", "")
    sync = new_sync().begin()
    bad = sync.chunk(["x"])
    bad["notes"][0][2] = 12345  # a notetype that nobody has
    assert sync.client.call("applyChunk", {"chunk": bad}).status == 400
    assert last() == ("failed", "A note does not fit its notetype.")
    sync = new_sync().begin()
    sync.exchange()
    sync.client.call("sanityCheck2", {"client": [[0, 0, 0], 99, 99, 99, 0, 1, 1, 1]})
    assert last() == ("failed", "the device and the server counted differently")
    silent = new_sync().begin()
    silent.send_notes("lost")
    new_sync().run("taken over")
    outcomes = [one["outcome"] for one in journal(server, account)[-2:]]
    assert outcomes == ["taken_over", "finished"]
    assert journal(server, account)[-2]["received"]["notes"] == 1


def test_a_sync_in_the_middle_of_which_the_server_ends_is_told(
    server: WatchedServer, account: Account, new_sync: NewSync
) -> None:
    new_sync().begin()
    server.stop()
    server.start()
    assert newest(server, account)["outcome"] == "stopped"
    assert "when the server ended" in told(server, account)


def test_a_killed_server_loses_the_last_seconds_of_the_journal_at_most(
    server: WatchedServer, account: Account, new_sync: NewSync
) -> None:
    new_sync().run("before")
    before = journal(server, account)  # which has it written
    new_sync().run("just before the end")
    server.kill()
    server.start()
    after = journal(server, account)
    assert after[: len(before)] == before
    assert "just before the end" in server.notes(account)


def test_a_device_that_is_turned_away_is_told(
    server: WatchedServer, account: Account, new_sync: NewSync
) -> None:
    waiting = new_sync().ask_meta()
    first = new_sync().begin()

    over = threading.Event()

    def keep_alive() -> None:
        while not over.wait(0.2):
            first.client.call("chunk")

    thread = threading.Thread(target=keep_alive)
    thread.start()
    try:
        time.sleep(0.3)
        assert waiting.start().status == 409
    finally:
        over.set()
        thread.join()
    first.finish()
    refused = [one for one in journal(server, account) if one["outcome"] == "refused"]
    assert [one["kind"] for one in refused] == ["sync"]
    assert "Another device is syncing" in refused[0]["reason"]


def test_media_are_told_as_one_sync(
    server: WatchedServer, account: Account, pair: tuple[Device, Device]
) -> None:
    laptop, phone = pair
    for number in range(30):
        write_media(laptop, f"{number}.mp3", b"sound %d" % number)
    sync_media(laptop)
    entry = newest(server, account)
    assert (entry["kind"], entry["outcome"]) == ("media", "finished")
    assert (entry["received"], entry["sent"]) == ({"media": 30}, {})
    sync_media(phone)
    entry = newest(server, account)
    assert (entry["received"], entry["sent"]) == ({}, {"media": 30})
    assert entry["bytes_out"] > entry["bytes_in"]
    assert "synced media: got 30 media files" in told(server, account)
    delete_media(laptop, "1.mp3")
    sync_media(laptop)
    assert newest(server, account)["received"] == {"media": 1}


def test_refused_media_are_told(
    server: WatchedServer, account: Account, pair: tuple[Device, Device]
) -> None:
    write_media(pair[0], "large.mp3", bytes(2000))
    with pytest.raises(Exception, match="large"):
        sync_media(pair[0])
    entry = newest(server, account)
    assert (entry["kind"], entry["outcome"]) == ("media", "refused")
    assert "large.mp3" in entry["reason"]


def test_who_is_syncing_is_told_while_it_happens(
    server: WatchedServer, account: Account, new_sync: NewSync
) -> None:
    sync = new_sync().begin()
    sync.send_notes("a", "b")
    (seen,) = [
        one for one in json.loads(server.control("who", "--json")) if one["user"] == account.name
    ]
    assert seen["doing"] == "syncing"
    assert seen["received"] == {"cards": 2, "notes": 2}
    assert "sent 2 notes, 2 cards" in server.control("who")
    sync.finish()
    (seen,) = [
        one for one in json.loads(server.control("who", "--json")) if one["user"] == account.name
    ]
    assert (seen["doing"], seen["device"]) == ("open", None)


def test_the_totals_are_those_of_what_was_done(tmp_path: Any) -> None:
    server = WatchedServer(tmp_path / "server")
    try:
        first: FirstCollection = make_first_collection(tmp_path / "first")
        account = server.new_account()
        client = log_in(server, account)
        upload(client, first.path)
        for text in ("a", "b"):
            HandMadeSync(client, first.notetype).run(text)
        HandMadeSync(client.another_session(), first.notetype).begin().client.expect("abort")
        client.call("download")
        totals = json.loads(server.control("stats", "--json"))
        assert (totals["users"], totals["devices"]) == (1, 1)
        day = totals["last_24_hours"]
        assert day["finished"] == {"sync": 2, "upload": 1, "download": 1, "media": 0}
        assert day["unfinished"] == 1
        entries = journal(server, account)
        assert day["bytes_in"] == sum(one["bytes_in"] for one in entries)
        assert totals["last_7_days"] == day
        assert totals["disk"]["collections"] == 1
        assert totals["disk"]["collection_bytes"] > 0
        slowest = [one["milliseconds"] for one in totals["slowest"]]
        assert slowest == sorted((one["milliseconds"] for one in entries), reverse=True)
        text = server.control("stats")
        assert "1 user with 1 device" in text
        assert "last 24 hours: 2 syncs, 0 media syncs, 1 upload, 1 download, 1 not finished" in text
        assert get(server.port, "/health").status == 200
    finally:
        server.stop()
