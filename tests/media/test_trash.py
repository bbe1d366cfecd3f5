"""Deleted and replaced files can be listed and put back, and are gone after some days."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from syncserver.collections.folders import UserFolder
from syncserver.media.folders import MediaFolder
from syncserver.media.trash import empty_trash, trashed_files
from tests.media.conftest import NewMediaDevice
from tests.support.accounts import Account
from tests.support.media_client import MediaClient
from tests.support.media_device import delete_media, media_of, sha1, sync_media, write_media
from tests.support.media_server import MediaServer

FAILED = 1
NO_SUCH_USER = 67


@pytest.fixture(params=["running", "stopped"])
def state(request: pytest.FixtureRequest) -> str:
    """Whether the server runs while the control script is called."""
    state: str = request.param
    return state


@contextmanager
def in_state(server: MediaServer, state: str) -> Iterator[None]:
    if state == "running":
        yield
        return
    server.stop()
    try:
        yield
    finally:
        server.start()


def test_what_was_deleted_or_replaced_is_listed_the_newest_first(
    server: MediaServer, account: Account, client: MediaClient, state: str
) -> None:
    client.upload(("a ü🦉.png", b"first"), ("b.png", b"bb"), ("kept.png", b"kept"))
    client.upload(("a ü🦉.png", b"second!"))
    client.upload(("b.png", None))
    before = datetime.now(timezone.utc)
    with in_state(server, state):
        listed = server.command("media", "trash", account.name, "--json")
        table = server.command("media", "trash", account.name).output
    assert listed.exit_code == 0, listed
    files = json.loads(listed.output)
    assert [(file["name"], file["size"]) for file in files] == [("b.png", 2), ("a ü🦉.png", 5)]
    for file in files:
        since = datetime.fromisoformat(file["since"])
        assert before - timedelta(minutes=5) < since <= before
    assert "a ü🦉.png" in table
    assert "bytes" in table


def test_an_empty_trash_is_an_empty_list(server: MediaServer, account: Account) -> None:
    listed = server.command("media", "trash", account.name, "--json")
    assert (listed.exit_code, json.loads(listed.output)) == (0, [])


def test_a_restored_file_reaches_the_devices_at_their_next_sync(
    server: MediaServer, account: Account, new_device: NewMediaDevice, state: str
) -> None:
    laptop, phone = new_device("laptop"), new_device("phone")
    write_media(laptop, "lost.png", b"precious")
    write_media(laptop, "kept.png", b"kept")
    sync_media(laptop)
    sync_media(phone)
    delete_media(phone, "lost.png")
    sync_media(phone)
    sync_media(laptop)
    assert set(media_of(laptop)) == {"kept.png"}
    with in_state(server, state):
        restored = server.command("media", "restore", account.name, "lost.png")
    assert (restored.exit_code, restored.output) == (0, "restored lost.png (8 bytes)\n")
    for device in (laptop, phone):
        sync_media(device)
        assert media_of(device)["lost.png"] == sha1(b"precious")
    server.assert_clean(account)


def test_the_newest_version_is_restored_and_what_it_replaces_goes_to_the_trash(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    for version in (b"one", b"two", b"three"):
        client.upload(("a.png", version))
    restored = server.command("media", "restore", account.name, "a.png", "--json")
    assert json.loads(restored.output) == {"name": "a.png", "size": 3}
    assert client.begin() == 4
    assert client.download(["a.png"]) == [("a.png", b"two")]
    assert server.trash(account) == {"a.png": [b"three", b"two", b"one"]}
    # Restoring is undone by restoring.
    server.command("media", "restore", account.name, "a.png")
    assert client.download(["a.png"]) == [("a.png", b"three")]
    server.assert_clean(account)


def test_a_name_that_is_not_in_the_trash_is_an_error_in_one_line(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    client.upload(("kept.png", b"kept"))
    result = server.command("media", "restore", account.name, "kept.png")
    assert (result.exit_code, result.output) == (FAILED, "")
    assert result.errors == "there is no 'kept.png' in the trash\n"
    assert server.command("media", "trash", "nobody").exit_code == NO_SUCH_USER


def test_the_trash_is_emptied_of_what_is_older_than_the_days(
    server: MediaServer, account: Account, client: MediaClient
) -> None:
    client.upload(("old.png", b"old"), ("new.png", b"new"))
    client.upload(("old.png", None))
    client.upload(("new.png", None))
    media = MediaFolder(UserFolder(server.folder(account)))
    (old,) = [file.path.parent for file in trashed_files(media) if file.name == "old.png"]
    make_older(old, days=31)
    (media.trash / "something of the operator Z-").mkdir()
    assert empty_trash(media, older_than_days=32) == 0
    assert empty_trash(media, older_than_days=30) == 1
    assert server.trash(account) == {"new.png": [b"new"]}
    assert empty_trash(media, older_than_days=0) == 1
    assert [path.name for path in media.trash.iterdir()] == ["something of the operator Z-"]


def test_a_user_without_media_has_no_trash_to_empty(server: MediaServer, account: Account) -> None:
    assert empty_trash(MediaFolder(UserFolder(server.folder(account))), 0) == 0


def make_older(folder: Path, *, days: int) -> None:
    stamp, end, rest = folder.name.partition("Z-")
    made = datetime.strptime(stamp, "%Y%m%dT%H%M%S.%f").replace(tzinfo=timezone.utc)
    earlier = (made - timedelta(days=days)).strftime("%Y%m%dT%H%M%S.%f")
    folder.rename(folder.with_name(f"{earlier}{end}{rest}"))
