"""A collection that the disk has damaged: its person is told, and can upload; nobody else can tell.

Real clients and really damaged files; nothing is ever replaced without an upload.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from anki.errors import BackendError, SyncError
from anki.sync_pb2 import SyncCollectionResponse

from tests.limits.conftest import NewDevice
from tests.support.accounts import Account
from tests.support.device import FULL_SYNC, FULL_UPLOAD, NO_CHANGES, Device
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.media_device import stored_media, sync_media, write_media
from tests.support.old_anki import NotInstallable, OldAnki
from tests.support.old_client import OldClient, OldClientError
from tests.support.stored_files import change

OPTIONS = {"idle_close": 1, "backups_keep": 3}
PAGE = 4096


def pages_overwritten(stored: Path) -> None:
    """Fill the middle of the file, where notes and cards are, with something else."""
    content = bytearray(stored.read_bytes())
    assert len(content) > 10 * PAGE
    content[3 * PAGE : -2 * PAGE] = b"\xaa" * (len(content) - 5 * PAGE)
    stored.write_bytes(content)


def start_overwritten(stored: Path) -> None:
    stored.write_bytes(b"\x00" * PAGE + stored.read_bytes()[PAGE:])


def emptied(stored: Path) -> None:
    stored.write_bytes(b"")


def no_database(stored: Path) -> None:
    stored.write_bytes(b"this is no database\n" * 1000)


DAMAGES = (pages_overwritten, start_overwritten, emptied, no_database)


Damage = Callable[[Callable[[Path], None]], bytes]


@pytest.fixture
def damage(server: WatchedServer, account: Account, device: Device) -> Damage:
    """Damage the account's stored collection while nobody uses it, and return what is there then."""

    def do(kind: Callable[[Path], None]) -> bytes:
        device.add_notes([[f"note {number}", "back" * 50] for number in range(300)])
        assert device.sync() == NO_CHANGES
        folder = server.user_folder(account).name
        wait_until(lambda: folder not in server.open_collections(), "the collection is closed")
        stored = server.stored_collection(account)
        kind(stored)
        return stored.read_bytes()

    return do


def sync_until_told(device: Device) -> SyncCollectionResponse:
    """Sync as the button does; the first time may only find the damage."""
    assert device.auth is not None
    for _ in range(2):
        device.add_note("later", "back")
        try:
            answer = device.col.sync_collection(device.auth, sync_media=False)
        except SyncError:
            continue
        if answer.server_message:
            return answer
    pytest.fail("the damage is not told")


@pytest.mark.parametrize("kind", DAMAGES)
def test_an_upload_by_a_person_replaces_it_and_keeps_it(
    kind: Callable[[Path], None],
    server: WatchedServer,
    account: Account,
    device: Device,
    damage: Damage,
    new_device: NewDevice,
) -> None:
    damaged = damage(kind)
    answer = sync_until_told(device)
    assert "damaged" in answer.server_message
    # With the file emptied there is nothing to choose; else the person chooses.
    assert answer.required == (FULL_UPLOAD if kind is emptied else FULL_SYNC)
    assert server.stored_collection(account).read_bytes() == damaged, "nothing by itself"
    told = server.events("collection_damaged")[-1]
    assert (told["level"], told["user"]) == ("error", account.name)
    assert told["problem"]
    assert "restore a backup" in told["remedy"]

    device.upload()

    (backup,) = (one for one in server.backups(account) if one.name.endswith(".pinned.anki2"))
    assert backup.read_bytes() == damaged
    assert len(server.notes(account)) >= 301
    device.add_note("afterwards", "back")
    assert device.sync() == NO_CHANGES
    phone = new_device(account)
    phone.download()
    assert phone.check_database() == ""
    assert phone.sync() == NO_CHANGES


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_download_is_refused_and_the_device_keeps_what_it_has(
    kind: Callable[[Path], None],
    server: WatchedServer,
    account: Account,
    device: Device,
    damage: Damage,
    new_device: NewDevice,
) -> None:
    damaged = damage(kind)
    sync_until_told(device)
    phone = new_device(account)
    with pytest.raises(BackendError, match="AnkiWeb encountered a problem"):
        phone.download()
    assert phone.db.scalar("select count() from notes") == 1
    assert phone.check_database() == ""
    assert server.stored_collection(account).read_bytes() == damaged


def test_a_new_device_without_cards_cannot_replace_it(
    server: WatchedServer, account: Account, device: Device, damage: Damage, tmp_path: Path
) -> None:
    damage(no_database)
    empty = Device(tmp_path / "empty").login(server.url, account)
    assert empty.auth is not None
    answer = empty.col.sync_collection(empty.auth, sync_media=False)
    assert answer.required == SyncCollectionResponse.FULL_DOWNLOAD
    empty.close()


def test_media_keep_syncing(
    server: WatchedServer, account: Account, device: Device, damage: Damage
) -> None:
    damage(no_database)
    write_media(device, "sound.mp3", b"la la la")
    sync_media(device)
    stored = stored_media(server, account)
    assert stored is not None
    assert "sound.mp3" in stored


def test_the_log_that_lies_beside_it_is_kept_with_it(
    server: WatchedServer, account: Account, device: Device, damage: Damage
) -> None:
    damage(emptied)
    log = server.stored_collection(account).with_name("collection.anki2-wal")
    log.write_bytes(b"what a crash has left")
    sync_until_told(device)
    assert log.read_bytes() == b"what a crash has left", "SQLite would drop it"
    device.upload()
    assert not log.exists()
    (kept,) = (one for one in server.backups(account) if one.name.endswith("-wal"))
    assert kept.read_bytes() == b"what a crash has left"
    device.add_note("afterwards", "back")
    assert device.sync() == NO_CHANGES


def test_an_old_client_is_told_and_can_upload(
    server: WatchedServer, account: Account, device: Device, damage: Damage, tmp_path: Path
) -> None:
    damage(no_database)
    try:
        old = OldClient(OldAnki("2.1.56"), tmp_path / "old", server.url).login(account)
    except NotInstallable as problem:
        pytest.skip(str(problem))
    try:
        old.add_note("of an old client", "back")
        with pytest.raises(OldClientError, match="server is damaged"):
            old.sync()
        old.upload()
    finally:
        old.close()
    assert server.notes(account) == ["of an old client"]


def test_an_error_that_is_no_damage_is_not_told_as_such(
    server: WatchedServer, account: Account, device: Device
) -> None:
    """A suspicion is checked before anybody is told to replace what is sound."""
    stored = server.stored_collection(account)
    folder = server.user_folder(account).name
    wait_until(lambda: folder not in server.open_collections(), "the collection is closed")
    change(stored, "alter table tags rename to labels")
    device.col.tags.bulk_add([device.db.scalar("select id from notes")], "new")
    with pytest.raises(BackendError):
        device.sync()
    wait_until(lambda: folder not in server.open_collections(), "the collection is closed")
    change(stored, "alter table labels rename to tags")
    assert device.sync() == NO_CHANGES
    assert not [e for e in server.events("collection_damaged") if e["user"] == account.name]
