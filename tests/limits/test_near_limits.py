"""Who is about to reach a limit is told before it stops anything, and not at every sync."""

import os

import pytest
from anki.errors import BackendError
from anki.sync_pb2 import SyncCollectionResponse

from syncserver.limits import reminders as reminders_module
from syncserver.limits.reminders import REMEMBERED, Reminders
from tests.limits.conftest import NewDevice
from tests.support.accounts import Account
from tests.support.device import NO_CHANGES, Device
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.media_device import sync_media, write_media

LARGEST = 500_000
QUOTA = 100_000
OPTIONS = {
    "max_collection_bytes": LARGEST,
    "media_quota": QUOTA,
    "max_media_file_bytes": QUOTA,
    "idle_close": 1,
}


def sync(device: Device) -> SyncCollectionResponse:
    assert device.auth is not None
    return device.col.sync_collection(device.auth, sync_media=False)


def grow_to(percent: float, server: WatchedServer, account: Account, device: Device) -> None:
    """Let the stored collection grow by syncing until it takes so much of the limit."""
    stored = server.stored_collection(account)
    folder = server.user_folder(account).name
    while (missing := LARGEST * percent / 100 - stored.stat().st_size) > 0:
        device.add_notes([[os.urandom(1_500).hex()] for _ in range(max(1, int(missing / 15_000)))])
        sync(device)
        wait_until(lambda: folder not in server.open_collections(), "the log is folded in")


def test_a_collection_near_the_limit_is_told_of_in_the_client_and_in_the_log(
    server: WatchedServer, account: Account, device: Device
) -> None:
    assert sync(device).server_message == ""
    grow_to(95, server, account, device)
    assert server.stored_collection(account).stat().st_size < LARGEST
    device.add_note("one more", "back")
    told = sync(device)
    assert "of the 0.5 MB that this server accepts" in told.server_message
    assert "max_collection_bytes" in told.server_message
    assert told.required == NO_CHANGES, "it goes on"
    event = server.events("limit_near")[-1]
    assert (event["user"], event["limit"]) == (account.name, "max_collection_bytes")
    assert LARGEST * 0.95 <= event["used"] <= event["most"] == LARGEST


def test_beyond_it_syncs_go_on_and_an_upload_is_refused_in_the_same_words(
    server: WatchedServer, account: Account, device: Device
) -> None:
    grow_to(120, server, account, device)
    device.add_note("one more", "back")
    assert sync(device).required == NO_CHANGES
    with pytest.raises(BackendError, match="max_collection_bytes"):
        device.upload()


def test_media_near_the_quota_are_told_of(server: WatchedServer, device: Device) -> None:
    write_media(device, "large.bin", os.urandom(QUOTA * 96 // 100))
    sync_media(device)
    device.add_note("two", "back")
    message = sync(device).server_message
    assert "Your media take 0.096 MB of the 0.1 MB" in message
    write_media(device, "too much.bin", os.urandom(QUOTA // 10))
    with pytest.raises(BackendError, match=r"more than the 0\.1 MB"):
        sync_media(device)


def test_it_is_repeated_until_a_sync_follows_and_then_not_for_a_day(
    server: WatchedServer, account: Account, device: Device, new_device: NewDevice
) -> None:
    grow_to(95, server, account, device)
    phone = new_device(account)
    phone.download()
    for _ in range(2):
        # Without changes nothing follows `meta`, as when a desktop asks in the background.
        assert sync(phone).server_message
    phone.add_note("of the phone", "back")
    assert sync(phone).server_message
    phone.add_note("once more", "back")
    assert sync(phone).server_message == ""


def test_after_a_day_it_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    reminders = Reminders()
    assert reminders.is_due(1, "a")
    reminders.seen(1, "a")
    assert not reminders.is_due(1, "a")
    assert reminders.is_due(2, "a"), "another device"
    assert reminders.is_due(1, "b"), "another topic"
    monkeypatch.setattr(reminders_module, "PEACE_SECONDS", 0.0)
    assert reminders.is_due(1, "a")


def test_what_was_not_told_cannot_have_been_seen() -> None:
    reminders = Reminders()
    reminders.seen(1, "a")
    assert reminders.is_due(1, "a")


def test_the_memory_of_what_was_told_is_bounded() -> None:
    reminders = Reminders()
    for device in range(2 * REMEMBERED):
        reminders.is_due(device, "a")
    assert len(reminders._told) == REMEMBERED
