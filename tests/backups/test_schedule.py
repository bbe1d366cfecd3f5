"""Restore points by the clock, beside people who sync: who gets one, who none, and what is in it."""

import time
from pathlib import Path

import pytest

from tests.backups.conftest import NewDevice
from tests.support.accounts import Account
from tests.support.backups import Keeper, unpack, wait_for_points
from tests.support.device import Device
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


def test_a_user_whose_files_cannot_be_read_keeps_nobody_from_their_points(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device, unreadable_folder: str
) -> None:
    told = len(server.events("housekeeping_failed"))
    laptop.add_note("newer", "")
    laptop.sync()
    wait_until(
        lambda: [point["notes"] for point in keeper.points(account)][:1] == [4],
        "the point of the next user",
    )
    wait_until(lambda: len(server.events("housekeeping_failed")) > told, "it is told")
    assert server.events("housekeeping_failed")[-1]["folder"] == unreadable_folder
    assert keeper.ctl("backup", account.name).exit_code == 0
    server.stop()
    server.start()
    wait_until(server.answers, "it starts beside them")


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

    wait_until(
        lambda: [name.endswith(".zst") for name in replaced()] == [True],
        "the compressed one has taken its place",
    )


@pytest.mark.parametrize("everybody", [True, False])
def test_the_operator_takes_points_of_one_or_of_all(
    everybody: bool, keeper: Keeper, account: Account, laptop: Device, new_device: NewDevice
) -> None:
    laptop.add_note("newer", "")
    laptop.sync()
    ended = keeper.must("backup", "--all" if everybody else account.name, "--pin", "--json")
    result = ended.json[account.name]
    # The clock may have been quicker.
    assert (result["notes"], result["pinned"]) == (4, True)
    newest = keeper.points(account)[0]
    assert (newest["snapshot"], newest["pinned"]) == (result["snapshot"], True)
    again = keeper.must("backup", account.name)
    assert "unchanged" in again.output
    assert keeper.ctl("backup").exit_code == 2
