"""People move in from the official server: nobody notices but by the new address."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import NewDevice
from tests.moving.conftest import Operating
from tests.support.accounts import Account
from tests.support.agreement import assert_all_sides_agree
from tests.support.device import FULL_DOWNLOAD, FULL_SYNC, FULL_UPLOAD, NO_CHANGES, Device
from tests.support.media_device import (
    assert_media_agree,
    bring_media_into_step,
    media_of,
    refer_to_media,
    sync_everything,
    write_media,
)
from tests.support.moving_server import MovingServer
from tests.support.official_server import OfficialServer
from tests.support.old_hashes import phc_hash

# A person who has used the official server: the account and the two devices.
Person = tuple[Account, Device, Device]
OLD_MEDIA = ("ü cat.png", "dog.mp3", "gone.png")


@pytest.fixture
def official(tmp_path: Path) -> Iterator[OfficialServer]:
    official = OfficialServer(tmp_path / "official", accounts=3)
    yield official
    official.stop()


def person_at(official: OfficialServer, unused_device: NewDevice) -> Person:
    """Return somebody whose devices are in step, but for a last change of the laptop."""
    account = official.new_account()
    laptop = unused_device(f"laptop of {account.name}").login(official.url, account)
    laptop.add_note(f"first of {account.name}", "")
    refer_to_media(laptop, OLD_MEDIA[:2])
    for name in OLD_MEDIA:
        write_media(laptop, name, f"{name} of {account.name}".encode())
    assert laptop.sync() == FULL_UPLOAD
    laptop.upload()
    phone = unused_device(f"phone of {account.name}").login(official.url, account)
    assert phone.sync() == FULL_DOWNLOAD
    phone.download()
    bring_media_into_step(laptop, phone)
    (Path(laptop.col.media.dir()) / "gone.png").unlink()
    laptop.add_note(f"second of {account.name}", "")
    sync_everything(laptop)
    return account, laptop, phone


def left_behind(official: OfficialServer, account: Account, name: str, tmp_path: Path) -> Path:
    """Return what a server that has ended leaves: the folder of one user, who is called `name`."""
    official.stop()
    folder = official.folder.rename(tmp_path / "old")
    (folder / account.name).rename(folder / name)
    shutil.rmtree(folder / "user0", ignore_errors=True)
    return folder


def assert_they_go_on(server: MovingServer, person: Person, folder: Path) -> None:
    """Log the devices in: without any full sync each gets what it lacks, and nothing else."""
    account, laptop, phone = person
    before = server.rows(account)
    for device in (laptop, phone):
        device.login(server.url, account)
        sync_everything(device)
    assert media_of(phone) == media_of(laptop)
    assert server.rows(account) == before, "no file was uploaded again"
    phone.add_note("after the move", "")
    write_media(phone, "new.png", b"new")
    refer_to_media(phone, ["new.png"])
    sync_everything(phone)
    sync_everything(laptop)
    assert "new.png" in media_of(laptop)
    assert_media_agree(server, account, media_of(phone), laptop, phone)
    assert_all_sides_agree(server, account, laptop, phone, folder=folder)
    server.assert_clean(account)


def test_devices_go_on_where_they_were(
    server: MovingServer,
    official: OfficialServer,
    operating: Operating,
    unused_device: NewDevice,
    tmp_path: Path,
) -> None:
    person = person_at(official, unused_device)
    official.stop()
    account = server.new_account()
    with operating():
        result = server.must("import", account.name, official.folder / person[0].name)
    assert "imported 3 notes and 2 media files" in result.output
    assert "Download" not in result.errors
    assert_they_go_on(server, (account, *person[1:]), tmp_path / "sides")


def test_a_whole_server_moves_with_the_environment_that_it_was_started_with(
    server: MovingServer, official: OfficialServer, unused_device: NewDevice, tmp_path: Path
) -> None:
    people = [person_at(official, unused_device) for _ in range(2)]
    official.stop()
    (hashed, plain) = (person[0] for person in people)
    environment = tmp_path / "official.env"
    environment.write_text(
        f"SYNC_BASE=/data\nSYNC_USER1={hashed.name}:{phc_hash(hashed.password)}\n"
        f"export SYNC_USER2='{plain.name}:{plain.password}'\n"
    )
    result = server.must("import", "--all", official.folder, "--passwords", environment)
    assert hashed.password not in result.output + result.errors
    assert server.stored_hash(hashed).startswith("pbkdf2-sha256$")
    assert server.login_status(Account(hashed.name, "wrong")) == 403
    for person in people:
        assert_they_go_on(server, person, tmp_path / f"sides of {person[0].name}")
    assert server.stored_hash(hashed).startswith("$argon2id$")


def test_a_password_that_no_client_could_send_is_left_out(
    server: MovingServer, official: OfficialServer, unused_device: NewDevice, tmp_path: Path
) -> None:
    folder = left_behind(official, person_at(official, unused_device)[0], "latin", tmp_path)
    environment = tmp_path / "official.env"
    environment.write_bytes(b"SYNC_USER1=latin:gr\xfcn\n")
    result = server.must("import", "--all", folder, "--passwords", environment)
    assert "latin: the password is not UTF-8" in result.errors
    assert "ctl.py passwd" in result.output
    assert server.login_status(Account("latin", "gr\ufffdn")) == 403


def test_without_passwords_the_users_need_new_ones(
    server: MovingServer, official: OfficialServer, unused_device: NewDevice, tmp_path: Path
) -> None:
    account = person_at(official, unused_device)[0]
    folder = left_behind(official, account, "nobody knows", tmp_path)
    result = server.must("import", "--all", folder)
    assert "ctl.py passwd" in result.output
    moved = Account("nobody knows", "new secret")
    assert server.login_status(moved) == 403
    server.must("passwd", moved.name, "--password-stdin", stdin="new secret\n")
    assert server.login_status(moved) == 200
    assert f"first of {account.name}" in server.notes(moved)


def test_a_collection_that_the_old_server_has_open_is_refused(
    server: MovingServer, official: OfficialServer, unused_device: NewDevice, account: Account
) -> None:
    old = person_at(official, unused_device)[0]
    result = server.ctl("import", account.name, official.folder / old.name)
    assert result.exit_code == 1
    assert "stop the old server first" in result.errors
    assert not (server.folder(account) / "collection.anki2").exists()


def test_what_a_killed_server_left_in_its_logs_comes_along(
    server: MovingServer,
    official: OfficialServer,
    unused_device: NewDevice,
    account: Account,
    tmp_path: Path,
) -> None:
    person = person_at(official, unused_device)
    os.kill(official._process.pid, signal.SIGKILL)
    official.stop()
    folder = official.folder / person[0].name
    assert (folder / "collection.anki2-wal").stat().st_size
    before = contents_of(folder)
    server.must("import", account.name, folder)
    assert contents_of(folder) == before, "the old server's files are only read"
    assert_they_go_on(server, (account, *person[1:]), tmp_path / "sides")


def contents_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in files}


def test_what_is_replaced_is_kept_and_its_devices_are_told(
    server: MovingServer,
    official: OfficialServer,
    laptop: Device,
    account: Account,
    unused_device: NewDevice,
) -> None:
    write_media(laptop, "here.png", b"here")
    sync_everything(laptop)
    old, old_laptop, _phone = person_at(official, unused_device)
    official.stop()
    refused = server.ctl("import", account.name, official.folder / old.name)
    assert refused.exit_code == 2
    assert "--yes" in refused.errors
    assert server.notes(account) == ["one", "two"]

    result = server.must("import", account.name, official.folder / old.name, "--yes")

    assert "choose Download" in result.errors
    assert f"first of {old.name}" in server.notes(account)
    assert len(server.backups(account)) == 1
    assert set(server.files(account)) == {"here.png", "ü cat.png", "dog.mp3"}
    for device in (laptop, old_laptop.login(server.url, account)):
        assert device.sync() == FULL_SYNC
        device.download()
        sync_everything(device)
        assert set(media_of(device)) >= {"here.png", "ü cat.png", "dog.mp3"}
    server.assert_clean(account)


def test_importing_the_same_folder_again_changes_nothing(
    server: MovingServer,
    official: OfficialServer,
    unused_device: NewDevice,
    account: Account,
    tmp_path: Path,
) -> None:
    person = person_at(official, unused_device)
    official.stop()
    for _ in range(2):
        server.must("import", account.name, official.folder / person[0].name, "--yes")
    assert person[1].login(server.url, account).sync() == NO_CHANGES
    assert_they_go_on(server, (account, *person[1:]), tmp_path / "sides")
