"""What an upload replaces is kept, and what held more than its replacement is kept for good."""

from pathlib import Path

import pytest

from tests.faults.conftest import NewDevice, NewSync
from tests.support.accounts import Account
from tests.support.faults_server import WatchedServer
from tests.support.faults_sync import FIRST_NOTES, FirstCollection, WatchedClient, log_in, upload
from tests.support.stored_files import change, copy_of, read_tables

KEPT = 3
OPTIONS = {"backups_keep": KEPT}
PINNED = ".pinned.anki2"
REVIEW = "insert into revlog values (?, 1, 0, 3, 1, 1, 2500, 1000, 1)"


@pytest.fixture
def other(first_collection: FirstCollection, tmp_path: Path) -> Path:
    """A collection with as many notes as the first one."""
    copy = copy_of(first_collection.path, tmp_path / "other")
    change(copy, "update notes set flds = 'other ' || flds", "update col set mod = mod + 1")
    return copy


def first_fields(collection: Path) -> list[str]:
    return sorted(row["flds"].split("\x1f")[0] for row in read_tables(collection)["notes"])


def read_backup(backup: Path, folder: Path) -> list[str]:
    return first_fields(copy_of(backup, folder / backup.name))


def test_what_an_upload_replaces_is_kept_whole(
    server: WatchedServer, account: Account, new_sync: NewSync, other: Path, tmp_path: Path
) -> None:
    sync = new_sync()
    sync.run("synced later")
    before = server.tables(account)
    upload(sync.client, other)
    (backup,) = server.backups(account)
    assert read_tables(copy_of(backup, tmp_path / "backup")) == before
    assert not backup.with_name(f"{backup.name}-wal").exists()


def test_a_backup_of_a_collection_that_was_open_with_a_log_is_whole(
    server: WatchedServer, account: Account, new_sync: NewSync, other: Path, tmp_path: Path
) -> None:
    sync = new_sync().begin()
    # Without `applyChanges` the collection stays open after `finish`.
    sync.send_notes("in the log")
    sync.finish()
    upload(sync.client, other)
    (backup,) = server.backups(account)
    assert read_backup(backup, tmp_path) == sorted([*FIRST_NOTES, "in the log"])


def test_the_newest_few_are_kept(
    server: WatchedServer,
    account: Account,
    client: WatchedClient,
    first_collection: FirstCollection,
    tmp_path: Path,
) -> None:
    for number in range(KEPT + 3):
        copy = copy_of(first_collection.path, tmp_path / f"upload {number}")
        change(copy, f"update notes set flds = 'upload {number} ' || id || char(31)")
        upload(client, copy)
    found = [read_backup(backup, tmp_path)[0].split()[1] for backup in server.backups(account)]
    assert found == ["2", "3", "4"], "the last one is the collection itself"


def test_one_with_more_notes_than_its_replacement_is_pinned_and_logged(
    server: WatchedServer,
    account: Account,
    client: WatchedClient,
    other: Path,
    tmp_path: Path,
) -> None:
    change(other, "delete from notes where flds like 'other two%'")
    upload(client, other)
    (pinned,) = server.backups(account)
    assert pinned.name.endswith(PINNED)
    assert read_backup(pinned, tmp_path) == FIRST_NOTES
    warning = server.events("backup_pinned")[-1]
    assert (warning["level"], warning["user"]) == ("warning", account.name)
    assert warning["backup"] == pinned.name
    assert (warning["stored_notes"], warning["uploaded_notes"]) == (3, 2)
    for number in range(KEPT + 2):
        change(other, f"update col set mod = mod + 1 + {number}")
        upload(client, other)
    kept = server.backups(account)
    assert pinned in kept, "it must never go by itself"
    assert len(kept) == KEPT + 1


def test_one_with_newer_reviews_than_its_replacement_is_pinned(
    server: WatchedServer, account: Account, client: WatchedClient, other: Path, tmp_path: Path
) -> None:
    reviewed = copy_of(other, tmp_path / "reviewed")
    change(reviewed, REVIEW.replace("?", "1700000000001"))
    upload(client, reviewed)
    change(other, REVIEW.replace("?", "1700000000000"))
    upload(client, other)
    assert [backup.name.endswith(PINNED) for backup in server.backups(account)] == [False, True]


def test_one_that_lost_nothing_is_not_pinned(
    server: WatchedServer, account: Account, client: WatchedClient, other: Path
) -> None:
    change(other, REVIEW.replace("?", "1700000000001"))
    upload(client, other)
    (backup,) = server.backups(account)
    assert not backup.name.endswith(PINNED)
    assert not server.events("backup_pinned")[-1:] or (
        server.events("backup_pinned")[-1]["user"] != account.name
    )


def test_an_empty_collection_is_not_worth_a_backup(
    server: WatchedServer, first_collection: FirstCollection
) -> None:
    account = server.new_account()
    client = log_in(server, account)
    client.expect("meta", {"v": 11, "cv": "test"})
    upload(client, first_collection.path)
    assert server.backups(account) == []


def test_a_stored_collection_too_damaged_to_open_can_be_replaced_and_is_pinned(
    server: WatchedServer, account: Account, client: WatchedClient, other: Path
) -> None:
    client.call("download")
    stored = server.stored_collection(account)
    damaged = stored.read_bytes()[:5000] + b"damage" * 1000
    stored.write_bytes(damaged)
    assert client.call("meta", {"v": 11, "cv": "test"}).status in (200, 500)
    upload(client, other)
    (backup,) = server.backups(account)
    assert backup.name.endswith(PINNED)
    assert backup.read_bytes() == damaged
    assert server.notes(account) == first_fields(other)
    assert client.call("meta", {"v": 11, "cv": "test"}).status == 200


def test_a_wrong_click_on_a_real_device_can_be_undone(
    server: WatchedServer, account: Account, new_device: NewDevice, tmp_path: Path
) -> None:
    phone = new_device("phone")
    phone.col.remove_notes(phone.col.find_notes(""))
    phone.col.set_schema_modified()
    phone.upload()
    assert server.notes(account) == []
    (pinned,) = server.backups(account)
    client = log_in(server, account)
    upload(client, copy_of(pinned, tmp_path / "restored"))
    phone.download()
    assert phone.col.note_count() == len(FIRST_NOTES)


def test_files_of_people_are_readable_by_the_server_alone(
    server: WatchedServer, account: Account, client: WatchedClient, other: Path
) -> None:
    upload(client, other)
    folder = server.user_folder(account)
    for one in (folder.parent, folder, folder / "tmp", folder / "backups"):
        assert one.stat().st_mode & 0o077 == 0, one
    for one in (server.stored_collection(account), *server.backups(account)):
        assert one.stat().st_mode & 0o077 == 0, one
