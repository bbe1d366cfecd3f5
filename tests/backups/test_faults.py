"""Killed in the middle, no room, damaged on the disk: what is there stays, and nothing lies."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backups.conftest import NewDevice
from tests.support.accounts import Account
from tests.support.backups import Keeper
from tests.support.device import FULL_UPLOAD, NO_CHANGES, Device
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.faults_small_disk import SmallDisk, small_disk
from tests.support.stored_files import change, copy_of

OPTIONS = {"snapshot_interval": 0, "snapshots_min_free": 0}
MEGABYTE = 1_000_000
DISK_MEGABYTES = 48
KILLS = 4
FAILED = 1


def add_bulk(device: Device, megabytes: int) -> None:
    """Make the collection so large that it takes a moment to copy and to check."""
    noise = random.Random(4711)
    for _ in range(megabytes):
        device.add_note(f"bulk {noise.randbytes(MEGABYTE // 2).hex()}", "")


@pytest.fixture
def large(laptop: Device) -> Device:
    """A device with a collection of 24 MB, which the server has."""
    add_bulk(laptop, 24)
    assert laptop.sync() == NO_CHANGES
    return laptop


@pytest.mark.slow
def test_a_server_killed_while_it_takes_a_point_has_the_collection_and_no_broken_point(
    keeper: Keeper, server: WatchedServer, account: Account, large: Device
) -> None:
    before = server.tables(account)["notes"]
    for number in range(KILLS):
        backup = keeper.begin("backup", account.name)
        kill_soon(server, account, number)
        backup.wait()
        server.start()
        assert server.tables(account)["notes"] == before
        assert all(point["sound"] for point in keeper.points(account))
        assert keeper.ctl("restore-drill", account.name).exit_code == 0
        assert strays(server, account) == []
        large.add_note(f"life goes on {number}", "")
        assert large.sync() == NO_CHANGES
        before = server.tables(account)["notes"]


@pytest.mark.slow
def test_a_server_killed_while_it_restores_has_the_old_collection_or_the_restored_one(
    keeper: Keeper, server: WatchedServer, account: Account, large: Device
) -> None:
    snapshot = keeper.backup(account)
    restored = first_fields(server, account)
    large.add_note("newer", "")
    assert large.sync() == NO_CHANGES
    present = first_fields(server, account)
    for number in range(KILLS):
        restore = keeper.begin("restore", account.name, snapshot)
        kill_soon(server, account, number)
        restore.wait()
        server.start()
        assert first_fields(server, account) in (present, restored)
        assert keeper.ctl("restore-drill", account.name).exit_code == 0
        assert strays(server, account) == []
    keeper.must("restore", account.name, snapshot)
    assert first_fields(server, account) == restored


def first_fields(server: WatchedServer, account: Account) -> list[str]:
    return [text[:40] for text in server.notes(account)]


def kill_soon(server: WatchedServer, account: Account, number: int) -> None:
    """Kill the server when files are being written for the account, a little later each time."""
    wait_until(lambda: server.temporary_files(account), "it is being worked on")
    time.sleep(0.1 * number)
    server.kill()


def strays(server: WatchedServer, account: Account) -> list[str]:
    """Return the files among the restore points that belong to none."""
    names = {path.name for path in (server.user_folder(account) / "backups").glob("*")}
    ids = {name.split(".anki2")[0].split(".")[0] for name in names if ".anki2" in name}
    return sorted(name for name in names if name.split(".")[0] not in ids)


# A damaged restore point


def flip_a_byte(point: Path) -> None:
    content = bytearray(point.read_bytes())
    content[len(content) // 2] ^= 0xFF
    point.write_bytes(content)


def cut_short(point: Path) -> None:
    point.write_bytes(point.read_bytes()[:-100])


def replace_by_another_collection(point: Path) -> None:
    point.write_bytes(b"(\xb5/\xfd\x04\x00\x01\x00\x00\x99\xe9\xd8\x51")


@pytest.mark.parametrize("damage", [flip_a_byte, cut_short, replace_by_another_collection])
def test_the_drill_finds_a_damaged_point_and_it_is_not_restored(
    damage: Callable[[Path], None],
    keeper: Keeper,
    server: WatchedServer,
    account: Account,
    laptop: Device,
) -> None:
    snapshot = keeper.backup(account)
    assert keeper.ctl("restore-drill", account.name).exit_code == 0
    damage(keeper.files(account)[0])
    drill = keeper.ctl("restore-drill", account.name, "--json")
    assert drill.exit_code == FAILED
    assert "damaged" in drill.json[account.name]["problem"]
    before = server.tables(account)
    restore = keeper.ctl("restore", account.name, snapshot)
    assert restore.exit_code == FAILED
    assert "damaged" in restore.errors
    assert server.tables(account) == before
    assert laptop.sync() == NO_CHANGES


def test_a_damaged_collection_gives_an_error_and_takes_the_place_of_no_good_point(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device, tmp_path: Path
) -> None:
    good = keeper.backup(account)
    server.stop()
    stored = server.stored_collection(account)
    add_unsound_page(stored, tmp_path)
    server.start()
    ended = keeper.ctl("backup", account.name)
    assert ended.exit_code == FAILED
    assert "no restore point" in ended.output
    assert server.events("snapshot_failed")[-1]["level"] == "error"
    assert [point["snapshot"] for point in keeper.points(account)] == [good]
    keeper.must("restore", account.name, good)


def add_unsound_page(stored: Path, tmp_path: Path) -> None:
    """Damage what only a whole check finds: an index that lacks an entry of its table."""
    copy = copy_of(stored, tmp_path / "copy")
    change(
        copy,
        "pragma writable_schema = on",
        "update sqlite_master set rootpage = (select rootpage from sqlite_master"
        " where name = 'ix_cards_nid') where name = 'ix_cards_usn'",
    )
    stored.write_bytes(copy.read_bytes())


def test_one_users_unreadable_files_keep_no_command_from_the_others(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device
) -> None:
    snapshot = keeper.backup(account)
    broken = server.new_account()
    folder = server.data_root / "users" / broken.name
    folder.mkdir()
    (folder / "backups").write_bytes(b"no folder")
    try:
        drill = keeper.ctl("restore-drill", "--json")
        assert drill.exit_code == FAILED
        assert drill.json[account.name]["snapshot"] == snapshot
        assert "Not a directory" in drill.json[broken.name]["problem"]
        taken = keeper.ctl("backup", "--all", "--json")
        assert taken.exit_code == FAILED
        assert taken.json[account.name]["problem"] is None
        checked = keeper.ctl("check")
        assert checked.exit_code == FAILED
        assert "Not a directory" in checked.output
        assert "the server failed" not in checked.output + checked.errors
    finally:
        with server.accounts() as accounts:
            accounts.users.delete(broken.name, purge=True)


# No room


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "server" / "data", DISK_MEGABYTES) as disk:
        yield disk


def test_a_full_disk_costs_no_point_and_nobody_a_sync(
    disk: SmallDisk, unused_device: NewDevice
) -> None:
    server = WatchedServer(disk.path.parent, {**OPTIONS, "snapshots_recent": 1})
    try:
        keeper, account = Keeper(server), server.new_account()
        device = unused_device("device").login(server.url, account)
        add_bulk(device, 4)
        assert device.sync() == FULL_UPLOAD
        device.upload()
        good = keeper.backup(account)
        device.add_note("newer", "")
        assert device.sync() == NO_CHANGES
        for room in (0, MEGABYTE, 5 * MEGABYTE, 7 * MEGABYTE):
            disk.fill(leave=room)
            ended = keeper.ctl("backup", account.name)
            assert ended.exit_code == FAILED
            assert "free" in ended.output or "full" in ended.output
            disk.empty()
            assert [point["snapshot"] for point in keeper.points(account)] == [good]
            assert server.temporary_files(account) == []
            device.add_note("goes on", "")
            assert device.sync() == NO_CHANGES
        disk.fill()
        assert keeper.ctl("restore", account.name, good).exit_code == FAILED
        disk.empty()
        assert keeper.ctl("restore-drill", account.name).exit_code == 0
        assert keeper.backup(account) > good
        keeper.must("restore", account.name, "newest")
    finally:
        server.stop()


def test_below_the_limit_of_free_space_no_point_is_taken(
    tmp_path: Path, unused_device: NewDevice
) -> None:
    options = {"snapshot_interval": 1, "snapshots_min_free": 2**60}
    server = WatchedServer(tmp_path / "server", options)
    try:
        keeper, account = Keeper(server), server.new_account()
        device = unused_device("device").login(server.url, account)
        device.add_note("one", "")
        assert device.sync() == FULL_UPLOAD
        device.upload()
        wait_until(lambda: server.events("snapshot_failed"), "it is told")
        time.sleep(3)  # intervals, in which it is not told again
        (told,) = server.events("snapshot_failed")
        assert "snapshots_min_free" in told["problem"]
        ended = keeper.ctl("backup", account.name)
        assert ended.exit_code == FAILED
        assert "snapshots_min_free" in ended.output
        assert keeper.points(account) == []
    finally:
        server.stop()
