"""After a restore every device ends with the restored state, whatever it had."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backups.conftest import NewDevice
from tests.support.accounts import Account
from tests.support.backups import Keeper, contents_of, download_after_restore
from tests.support.device import NO_CHANGES, Device
from tests.support.faults_server import WatchedServer
from tests.support.faults_sync import HandMadeSync, log_in
from tests.support.media_device import (
    bring_media_into_step,
    delete_media,
    media_of,
    refer_to_media,
    sha1,
    sync_media,
    write_media,
)

OPTIONS = {"snapshot_interval": 0, "takeover_after": 1}
NO_SUCH_USER = 67


@pytest.fixture
def phone(laptop: Device, new_device: NewDevice) -> Device:
    """The second device, which has what the laptop uploaded."""
    phone = new_device("phone")
    phone.download()
    return phone


@pytest.fixture(params=["while the server runs", "while it does not"])
def restore(
    request: pytest.FixtureRequest, server: WatchedServer, keeper: Keeper, account: Account
) -> Callable[[str], None]:
    """Restore a point, by the running server and without one."""

    def run(snapshot: str) -> None:
        if request.param == "while the server runs":
            keeper.must("restore", account.name, snapshot)
            return
        server.stop()
        try:
            keeper.must("restore", account.name, snapshot)
        finally:
            server.start()

    return run


def test_every_device_ends_with_the_restored_state(
    keeper: Keeper,
    account: Account,
    laptop: Device,
    phone: Device,
    new_device: NewDevice,
    restore: Callable[[str], None],
) -> None:
    before, with_changes = new_device("tablet"), new_device("desk")
    for device in (before, with_changes):
        device.download()
    assert laptop.sync() == NO_CHANGES
    restored_state = contents_of(laptop)
    snapshot = keeper.backup(account)

    laptop.col.remove_notes(laptop.col.find_notes("one"))
    laptop.add_note("after the restore point", "")
    laptop.sync()
    assert phone.sync() == NO_CHANGES
    with_changes.add_note("never synced", "")
    restore(snapshot)

    for device in (laptop, phone, before, with_changes):
        download_after_restore(device)
        assert device.sync() == NO_CHANGES
        assert contents_of(device) == restored_state
        assert not device.check_database()
    laptop.add_note("life goes on", "")
    assert laptop.sync() == NO_CHANGES
    assert phone.sync() == NO_CHANGES
    assert contents_of(phone) == contents_of(laptop)


def test_a_device_that_synced_last_is_not_told_that_nothing_changed(
    keeper: Keeper, account: Account, laptop: Device
) -> None:
    laptop.sync()
    snapshot = keeper.backup(account)
    keeper.must("restore", account.name, snapshot)
    download_after_restore(laptop)


def test_a_restore_is_undone_by_restoring_what_it_replaced(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device
) -> None:
    first = keeper.backup(account)
    laptop.add_note("newer", "")
    laptop.sync()
    keeper.must("restore", account.name, first)
    assert server.notes(account) == ["one", "three", "two"]
    (replaced,) = [point for point in keeper.points(account) if point["reason"] == "restore"]
    assert (replaced["notes"], replaced["sound"], replaced["pinned"]) == (4, True, False)
    keeper.must("restore", account.name, "newest")
    assert server.notes(account) == ["newer", "one", "three", "two"]
    download_after_restore(laptop)
    assert laptop.col.note_count() == 4


def test_what_a_wrong_upload_replaced_can_be_restored_at_once(
    keeper: Keeper, account: Account, laptop: Device, phone: Device
) -> None:
    phone.col.remove_notes(phone.col.find_notes("-one"))
    phone.col.set_schema_modified()
    phone.upload()
    (replaced,) = keeper.points(account)
    assert (replaced["reason"], replaced["pinned"], replaced["notes"]) == ("upload", True, 3)
    keeper.must("restore", account.name, replaced["snapshot"])
    for device in (laptop, phone):
        download_after_restore(device)
        assert device.col.note_count() == 3


def test_media_come_back_from_the_trash_and_what_is_missing_is_named(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device
) -> None:
    laptop.add_note("with media", "")
    laptop.sync()
    before = {"kept.mp3": b"kept", "gone.mp3": b"gone", "other.mp3": b"first", "lost.mp3": b"lost"}
    for name, content in before.items():
        write_media(laptop, name, content)
    refer_to_media(laptop, before)
    laptop.sync()
    sync_media(laptop)
    snapshot = keeper.backup(account)

    delete_media(laptop, "gone.mp3", "lost.mp3")
    write_media(laptop, "other.mp3", b"second")
    write_media(laptop, "later.mp3", b"later")
    sync_media(laptop)
    for trashed in (server.user_folder(account) / "media-trash").glob("*/lost.mp3"):
        trashed.unlink()

    ended = keeper.must("restore", account.name, snapshot, "--json")
    media = {"unchanged": 1, "brought_back": 2, "missing": ["lost.mp3"], "problem": None}
    assert ended.json["media"] == media
    bring_media_into_step(laptop)
    expected = {name: sha1(content) for name, content in before.items() if name != "lost.mp3"}
    assert media_of(laptop) == {**expected, "later.mp3": sha1(b"later")}


def test_a_restore_whose_media_are_in_trouble_is_told_as_one(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device
) -> None:
    write_media(laptop, "one.mp3", b"one")
    refer_to_media(laptop, ["one.mp3"])
    laptop.sync()
    sync_media(laptop)
    snapshot = keeper.backup(account)
    server.stop()
    index = server.user_folder(account) / "media.db"
    index.rename(index.with_name("aside"))
    index.write_bytes(b"damaged" * 1000)
    server.start()
    ended = keeper.must("restore", account.name, snapshot)
    assert ended.output.startswith(f"restored {snapshot}: ")
    assert "not all media were brought back" in ended.errors
    assert server.events("collection_restored")[-1]["snapshot"] == snapshot
    server.stop()
    index.with_name("aside").rename(index)
    server.start()
    download_after_restore(laptop)


def not_a_database(index: Path) -> None:
    index.write_bytes(b"damaged" * 1000)


def unreadable_inside(index: Path) -> None:
    content = index.read_bytes()
    index.write_bytes(content[:4096] + b"damaged" * ((len(content) - 4096) // 7))


@pytest.mark.parametrize("damage", [not_a_database, unreadable_inside])
def test_a_point_without_a_list_of_media_says_so_and_a_restore_of_it_leaves_them_alone(
    damage: Callable[[Path], None],
    keeper: Keeper,
    server: WatchedServer,
    account: Account,
    laptop: Device,
) -> None:
    write_media(laptop, "one.mp3", b"one")
    refer_to_media(laptop, ["one.mp3"])
    laptop.sync()
    sync_media(laptop)
    server.stop()
    index = server.user_folder(account) / "media.db"
    sound_index = index.read_bytes()
    damage(index)
    server.start()
    for pin in ((), (), ("--pin",)):
        assert "the media were not recorded" in keeper.must("backup", account.name, *pin).output
    told = server.events("media_unusable")[-1]
    assert told["folder"] == server.user_folder(account).name
    (point,) = keeper.points(account)
    assert (point["sound"], point["media_known"], point["media_files"]) == (True, False, None)
    assert keeper.must("backups", account.name).output.splitlines()[1].split()[-2] == "?"
    drilled = keeper.must("restore-drill", account.name).output
    assert drilled.rstrip().endswith("its media were not recorded")

    server.stop()
    index.write_bytes(sound_index)
    server.start()
    with_media = keeper.must("backup", account.name, "--json").json[account.name]
    assert (with_media["media_known"], with_media["media_files"]) == (True, 1)
    restored = keeper.must("restore", account.name, point["snapshot"])
    assert "those that are here stay as they are" in restored.errors
    assert (server.user_folder(account) / "media" / "one.mp3").read_bytes() == b"one"
    assert "missing" not in keeper.must("media", "check", account.name).output
    bring_media_into_step(laptop)
    assert media_of(laptop) == {"one.mp3": sha1(b"one")}


def test_a_damaged_collection_can_be_replaced_by_a_restore_point(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device
) -> None:
    snapshot = keeper.backup(account)
    stored = server.stored_collection(account)
    stored.write_bytes(stored.read_bytes()[:5000] + b"damage" * 1000)
    keeper.must("restore", account.name, snapshot)
    download_after_restore(laptop)
    assert laptop.col.note_count() == 3
    damaged = keeper.points(account)[0]
    assert (damaged["reason"], damaged["sound"]) == ("restore", False)
    assert keeper.ctl("restore", account.name, damaged["snapshot"]).exit_code == 1


def test_a_sync_that_a_restore_ends_is_told_so_and_its_device_downloads(
    keeper: Keeper, server: WatchedServer, account: Account, laptop: Device
) -> None:
    snapshot = keeper.backup(account)
    sync = HandMadeSync(log_in(server, account), laptop.notetype("Basic")["id"]).begin()
    keeper.must("restore", account.name, snapshot)
    assert sync.send_notes("too late").status == 409
    assert server.notes(account) == ["one", "three", "two"]
    download_after_restore(laptop)


@pytest.mark.parametrize("name", ["2020", "nonsense", ""])
def test_what_is_no_restore_point_is_refused(
    name: str, keeper: Keeper, server: WatchedServer, account: Account, laptop: Device
) -> None:
    keeper.backup(account)
    laptop.add_note("newer", "")
    laptop.sync()
    keeper.backup(account)
    before = server.tables(account)
    ended = keeper.ctl("restore", account.name, name)
    assert ended.exit_code == 1
    assert "restore point" in ended.errors
    assert server.tables(account) == before


def test_there_is_nothing_to_restore_for_nobody(keeper: Keeper) -> None:
    assert keeper.ctl("restore", "nobody", "newest").exit_code == NO_SUCH_USER
