"""Restore points by the clock, beside people who sync: who gets one, who none, and what is in it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.backups.conftest import NewDevice
from tests.support.accounts import Account
from tests.support.backups import Keeper, unpack, wait_for_points
from tests.support.device import FULL_UPLOAD, NO_CHANGES, Device
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.faults_sync import HandMadeSync, log_in
from tests.support.stored_files import read_tables

# Every other second, so that a test need not wait for hours; all of them are recent ones.
OPTIONS = {
    "snapshot_interval": 2,
    "snapshots_recent": 3,
    "snapshots_daily": 0,
    "snapshots_weekly": 0,
    "snapshots_monthly": 0,
    "snapshots_min_free": 0,
    "api_wait": 2,
}
CLIENTS = 8
SYNCS = 6
INTERVALS = 3 * 2.0


def test_a_changed_collection_gets_restore_points_and_an_unchanged_one_does_not(
    keeper: Keeper, account: Account, laptop: Device
) -> None:
    wait_for_points(keeper, account, 1)
    laptop.sync()
    time.sleep(INTERVALS)
    (first,) = keeper.files(account)
    laptop.add_note("newer", "")
    laptop.sync()
    wait_for_points(keeper, account, 2)
    time.sleep(INTERVALS)
    newest, oldest = keeper.points(account)
    assert (oldest["notes"], newest["notes"]) == (3, 4)
    assert (newest["reason"], newest["sound"]) == ("schedule", True)
    assert keeper.files(account)[0] == first


def test_a_point_holds_exactly_what_was_stored(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device, tmp_path: Path
) -> None:
    wait_for_points(keeper, account, 1)
    point = unpack(keeper.files(account)[-1], tmp_path / "collection.anki2")
    assert read_tables(point) == server.tables(account)
    for path in (server.user_folder(account) / "backups").iterdir():
        assert path.stat().st_mode & 0o077 == 0, "for the server alone"


def test_only_as_many_stay_as_the_options_say(
    keeper: Keeper, account: Account, laptop: Device
) -> None:
    for number in range(5):
        laptop.add_note(f"note {number}", "")
        laptop.sync()
        notes = 4 + number
        wait_until(
            lambda notes=notes: (
                keeper.points(account)[:1] and keeper.points(account)[0]["notes"] == notes
            ),
            f"a point with {notes} notes",
        )
    assert [point["notes"] for point in keeper.points(account)] == [8, 7, 6]


def test_an_empty_collection_gets_none(
    keeper: Keeper, server: WatchedServer, account: Account
) -> None:
    log_in(server, account).expect("meta", {"v": 11, "cv": "test"})
    time.sleep(INTERVALS)
    assert keeper.files(account) == []


def test_a_sync_in_progress_is_not_disturbed_and_gets_its_point_afterwards(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device
) -> None:
    wait_for_points(keeper, account, 1)
    client = log_in(server, account)
    sync = HandMadeSync(client, laptop.notetype("Basic")["id"]).begin()
    sync.exchange()
    before = keeper.files(account)
    time.sleep(INTERVALS)
    assert sync.send_notes("in the middle").status == 200
    assert keeper.files(account) == before
    sync.finish()
    wait_until(
        lambda: keeper.points(account)[0]["notes"] == len(("one", "two", "three", "in the middle")),
        "the point after the sync",
    )


def test_what_an_upload_replaced_is_checked_and_compressed_in_the_background(
    keeper: Keeper, account: Account, laptop: Device
) -> None:
    laptop.col.set_schema_modified()
    laptop.upload()

    def replaced() -> list[str]:
        return [path.name for path in keeper.files(account) if ".upload." in path.name]

    wait_until(lambda: [name for name in replaced() if name.endswith(".zst")], "it is compressed")
    assert len(replaced()) == 1


def test_eight_clients_that_sync_all_succeed_while_points_are_taken(
    keeper: Keeper, server: WatchedServer, tmp_path: Path
) -> None:
    """Two users with four devices each, one restore point after the other, each of them sound."""
    accounts = [server.new_account() for _ in range(2)]
    for number, account in enumerate(accounts):
        first = Device(tmp_path / f"first{number}").login(server.url, account)
        first.add_note("first", "")
        assert first.sync() == FULL_UPLOAD
        first.upload()
        first.close()
    over = threading.Event()
    taken: list[str] = []

    def back_up() -> None:
        while not over.is_set():
            ended = keeper.must("backup", "--all", "--json")
            assert not any(result["problem"] for result in ended.json.values()), ended
            taken.extend(one["snapshot"] for one in ended.json.values() if one["snapshot"])

    def study(number: int) -> None:
        device = Device(tmp_path / f"device{number}").login(server.url, accounts[number % 2])
        device.download()
        for turn in range(SYNCS):
            device.add_note(f"device {number}, turn {turn}", "")
            assert device.sync() == NO_CHANGES
        device.close()

    with ThreadPoolExecutor(CLIENTS + 1) as executor:
        operator = executor.submit(back_up)
        for one in [executor.submit(study, number) for number in range(CLIENTS)]:
            one.result()
        over.set()
        operator.result()
    assert taken
    assert server.events("snapshot_failed") == []
    for account in accounts:
        keeper.backup(account) if not keeper.points(account) else None
        assert len(server.notes(account)) == 1 + CLIENTS // 2 * SYNCS
        assert all(point["sound"] for point in keeper.points(account))
    assert keeper.ctl("restore-drill", "--all").exit_code == 0


@pytest.mark.parametrize("everybody", [True, False])
def test_the_operator_takes_points_of_one_or_of_all(
    everybody: bool, keeper: Keeper, account: Account, laptop: Device, new_device: NewDevice
) -> None:
    laptop.add_note("newer", "")
    laptop.sync()
    ended = keeper.must("backup", "--all" if everybody else account.name, "--pin", "--json")
    result = ended.json[account.name]
    # The clock may have been quicker.
    assert result["snapshot"] is None or (result["notes"], result["pinned"]) == (4, True)
    assert keeper.points(account)[0]["notes"] == 4
    again = keeper.must("backup", account.name)
    assert "unchanged" in again.output
    assert keeper.ctl("backup").exit_code == 2
