"""A device that deletes a lot leaves a restore point behind, and waits for nothing but a copy."""

from collections.abc import Callable

import pytest

from tests.support.accounts import Account
from tests.support.backups import Keeper, download_after_restore
from tests.support.device import NO_CHANGES, Device
from tests.support.faults_server import WatchedServer
from tests.support.faults_sync import log_in
from tests.support.raw_client import RawClient

BULK = 40
NOTES = 300
OPTIONS = {"snapshot_interval": 0, "snapshots_min_free": 0, "bulk_deletion_notes": BULK}
NOTHING: dict[str, list[int]] = {"cards": [], "notes": [], "decks": []}

Kept = list[tuple[str, int, bool]]


@pytest.fixture
def desktop(laptop: Device) -> Device:
    """A device with so many notes that their deletion comes in several parts."""
    for number in range(NOTES - 3):
        laptop.add_note(f"note {number}", "")
    assert laptop.sync() == NO_CHANGES
    return laptop


def kept(keeper: Keeper, account: Account) -> Kept:
    points = keeper.points(account)
    return [(point["reason"], point["notes"], point["sound"]) for point in points]


def delete(device: Device, number: int) -> None:
    device.col.remove_notes(list(device.col.find_notes("note"))[:number])
    assert device.sync() == NO_CHANGES


def test_what_a_sync_deletes_in_bulk_can_be_restored(
    keeper: Keeper, server: WatchedServer, account: Account, desktop: Device
) -> None:
    delete(desktop, NOTES - 3)
    assert len(server.notes(account)) == 3
    assert kept(keeper, account) == [("deletion", NOTES, True)]
    assert desktop.check_database() == ""
    keeper.must("restore", account.name, keeper.points(account)[0]["snapshot"])
    download_after_restore(desktop)
    assert desktop.col.note_count() == NOTES


def test_all_deletions_of_the_sync_reach_the_other_devices(
    server: WatchedServer, account: Account, desktop: Device, new_device: Callable[[str], Device]
) -> None:
    phone = new_device("phone")
    phone.download()
    delete(desktop, NOTES - 3)
    assert phone.sync() == NO_CHANGES
    assert phone.col.note_count() == phone.col.card_count() == 3
    assert {row["usn"] for row in server.tables(account)["graves"]} == {
        server.head(account)["usn"] - 2
    }


def test_a_few_notes_are_deleted_without_a_restore_point(
    keeper: Keeper, account: Account, desktop: Device
) -> None:
    delete(desktop, BULK - 1)
    assert kept(keeper, account) == []


def test_half_of_a_small_collection_is_a_bulk(
    keeper: Keeper, account: Account, laptop: Device
) -> None:
    for number in range(17):
        laptop.add_note(f"note {number}", "")
    assert laptop.sync() == NO_CHANGES
    delete(laptop, 10)
    assert kept(keeper, account) == [("deletion", 20, True)]


def test_a_device_that_tries_again_and_again_makes_one_restore_point(
    keeper: Keeper, server: WatchedServer, account: Account, desktop: Device
) -> None:
    graves = {**NOTHING, "notes": list(desktop.col.find_notes("note"))[:BULK]}
    for _ in range(3):
        client = begun(server, account)
        assert client.call("applyGraves", {"chunk": graves}).status == 200
        assert client.call("abort", {}).status == 200
    assert kept(keeper, account) == [("deletion", NOTES, True)]
    assert len(server.notes(account)) == NOTES


def begun(server: WatchedServer, account: Account, graves: object = None) -> RawClient:
    client = log_in(server, account)
    head = client.expect("meta", {"v": 11, "cv": "test"})
    start = {"minUsn": head["usn"], "lnewer": True, "graves": graves}
    client.expect("start", start)
    return client


def test_deletions_that_come_with_the_beginning_of_a_sync_count_too(
    keeper: Keeper, server: WatchedServer, account: Account, desktop: Device
) -> None:
    notes = list(desktop.col.find_notes("note"))
    client = begun(server, account, {**NOTHING, "notes": notes[: BULK - 1]})
    client.call("applyGraves", {"chunk": {**NOTHING, "notes": notes[BULK - 1 : BULK + 1]}})
    assert client.call("finish", {}).status == 200
    assert kept(keeper, account) == [("deletion", NOTES, True)]
    assert len(server.notes(account)) == NOTES - BULK - 1
    begun(server, account, {**NOTHING, "notes": notes[-BULK:]}).expect("finish", {})
    assert kept(keeper, account)[0] == ("deletion", NOTES - BULK - 1, True)


def test_deletions_after_something_else_was_merged_undo_nothing_of_it(
    keeper: Keeper, server: WatchedServer, account: Account, desktop: Device
) -> None:
    client = begun(server, account)
    changes = {"models": [], "decks": [[], []], "tags": ["merged"]}
    client.expect("applyChanges", {"changes": changes})
    graves = {**NOTHING, "notes": list(desktop.col.find_notes("note"))[:BULK]}
    assert client.call("applyGraves", {"chunk": graves}).status == 200
    client.expect("finish", {})
    assert len(server.notes(account)) == NOTES - BULK
    assert [row["tag"] for row in server.tables(account)["tags"]] == ["merged"]


def test_without_room_for_a_restore_point_the_sync_goes_on(
    keeper: Keeper, server: WatchedServer, account: Account, desktop: Device
) -> None:
    backups = server.user_folder(account) / "backups"
    backups.write_bytes(b"no folder")
    delete(desktop, BULK)
    backups.unlink()
    assert len(server.notes(account)) == NOTES - BULK
    assert server.events("snapshot_failed")[-1]["reason"] == "deletion"
    assert kept(keeper, account) == []
