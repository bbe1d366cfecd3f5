"""Files that vanish or are damaged on the server's disk come back from the devices that have them."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from anki.errors import SyncError

from tests.media.conftest import NewMediaDevice
from tests.support.accounts import Account
from tests.support.device import Device
from tests.support.media_client import MediaClient
from tests.support.media_device import media_of, sha1, sync_media, write_media
from tests.support.media_server import MediaServer

ATTEMPTS = 6

Damage = Callable[[Path], None]


def stored(server: MediaServer, account: Account, name: str) -> Path:
    return server.folder(account) / "media" / name


def entries(server: MediaServer, account: Account) -> dict[str, int]:
    return {row["fname"]: row["usn"] for row in server.rows(account)}


def remove(path: Path) -> None:
    path.unlink()


def cut_short(path: Path) -> None:
    # Not in place: the bytes may be shared with another user.
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-1])


def turn_into_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [remove, cut_short, turn_into_folder])
def test_a_damaged_file_is_refused_once_and_forgotten_without_a_new_usn(
    server: MediaServer,
    account: Account,
    client: MediaClient,
    damage: Damage,
) -> None:
    client.upload(("a.png", b"aaaa"), ("b.png", b"bbbb"), ("c.png", b"cccc"))
    damage(stored(server, account, "b.png"))
    assert client.call("downloadFiles", {"files": ["a.png", "b.png"]}).status == 409
    assert entries(server, account) == {"a.png": 1, "c.png": 3}
    assert server.rows(account, "meta") == [
        {"last_usn": 3, "total_bytes": 8, "total_nonempty_files": 2}
    ]
    assert [name for name, _, _ in client.changes()] == ["a.png", "c.png"]
    assert client.begin() == 3
    assert client.sanity(2) == "OK"
    server.assert_clean(account)


def test_a_file_that_was_cut_short_lies_in_the_trash(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    client.upload(("a.png", b"aaaa"))
    cut_short(stored(server, account, "a.png"))
    assert client.call("downloadFiles", {"files": ["a.png"]}).status == 409
    assert server.trash(account) == {"a.png": [b"aaa"]}


@pytest.mark.parametrize("damage", [remove, cut_short])
def test_the_same_bytes_sent_again_put_a_damaged_file_back_without_a_new_usn(
    server: MediaServer, account: Account, client: MediaClient, damage: Damage
) -> None:
    client.upload(("a.png", b"aaaa"))
    damage(stored(server, account, "a.png"))
    assert client.upload(("a.png", b"aaaa")) == (1, 1)
    assert client.download(["a.png"]) == [("a.png", b"aaaa")]
    server.assert_clean(account)


def test_deleting_a_file_that_is_already_gone_is_a_deletion(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    client.upload(("a.png", b"aaaa"))
    stored(server, account, "a.png").unlink()
    assert client.upload(("a.png", None)) == (1, 2)
    assert client.changes() == [("a.png", 2, "")]
    server.assert_clean(account)


@pytest.mark.parametrize("damage", [remove, cut_short])
def test_devices_heal_a_damaged_file_by_syncing_again(
    server: MediaServer, account: Account, new_device: NewMediaDevice, damage: Damage
) -> None:
    laptop = new_device("laptop")
    for name in ("a.png", "b.png", "c.png"):
        write_media(laptop, name, name.encode() * 100)
    sync_media(laptop)
    damage(stored(server, account, "b.png"))
    phone = new_device("phone")
    assert not synced(phone), "the first attempt is told that a file is missing"
    assert synced(phone), "the second one is not told of the file any more"
    assert set(media_of(phone)) == {"a.png", "c.png"}
    # The laptop notices at its next change that it has one file more, and sends it again.
    write_media(laptop, "d.png", b"another")
    for _ in range(ATTEMPTS):
        if synced(laptop) and synced(phone) and media_of(phone) == media_of(laptop):
            break
    expected = {name: sha1(name.encode() * 100) for name in ("a.png", "b.png", "c.png")}
    expected["d.png"] = sha1(b"another")
    assert media_of(phone) == media_of(laptop) == server.files(account) == expected
    server.assert_clean(account)


def synced(device: Device) -> bool:
    try:
        sync_media(device)
    except SyncError:
        return False
    return True


def test_an_index_that_leads_out_of_the_folder_gives_nothing_away(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    client.upload(("a.png", b"aaaa"))
    server.stop()
    secret = server.folder(account) / "secret"
    secret.write_bytes(b"secret")
    plant_entry(server, account, "../secret", b"secret")
    server.start()
    assert client.call("downloadFiles", {"files": ["../secret"]}).status == 409
    findings = server.check(account, fix=True)
    assert findings["missing"] == ["../secret"]
    assert secret.read_bytes() == b"secret"
    assert server.check(account)["clean"]


def plant_entry(server: MediaServer, account: Account, name: str, content: bytes) -> None:
    with closing(sqlite3.connect(server.folder(account) / "media.db")) as connection:
        digest = bytes.fromhex(sha1(content))
        row = (name, digest, len(content), 2, 0)
        connection.execute("insert into media values (?, ?, ?, ?, ?)", row)
        connection.execute("update meta set last_usn = 2")
        connection.commit()


def test_cards_are_synced_although_the_index_of_the_media_is_damaged(
    server: MediaServer, account: Account, new_device: NewMediaDevice
) -> None:
    server.folder(account).mkdir(exist_ok=True)
    (server.folder(account) / "media.db").write_bytes(b"This was an index once. " * 100)
    laptop = new_device("laptop")
    laptop.add_note("safe", "and sound")
    laptop.upload()
    phone = new_device("phone")
    phone.download()
    note = phone.add_note("from the phone", "")
    phone.sync()
    laptop.sync()
    assert laptop.has_note(note)
