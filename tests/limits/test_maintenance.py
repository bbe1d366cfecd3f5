"""Maintenance: closed for a while, with the operator's words, and open again at once."""

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from anki.errors import BackendError

from syncserver import maintenance
from syncserver.control.maintenance import end_of_maintenance
from syncserver.errors import UnderMaintenance
from syncserver.maintenance import Maintenance
from tests.limits.conftest import NewDevice
from tests.support.accounts import Account
from tests.support.device import FULL_UPLOAD, NO_CHANGES, Device
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.faults_sync import NO_CHANGES_SENT
from tests.support.media_device import sync_media
from tests.support.old_anki import OLD_ANKIS, NotInstallable, OldAnki
from tests.support.old_client import OldClient, OldClientError
from tests.support.raw_client import RawClient
from tests.support.rest_client import RestClient

OPTIONS: dict[str, object] = {}
MESSAGE = "Back at 8 pm <b>& better</b>"
SHOWN = "Back at 8 pm &lt;b&gt;&amp; better&lt;/b&gt;"
META = {"v": 11, "cv": "test"}
Close = Callable[..., None]


@pytest.fixture
def close(server: WatchedServer) -> Iterator[Close]:
    """Turn maintenance on as the operator does; it is off again after the test."""

    def turn_on(*options: str) -> None:
        server.control("maintenance", "on", MESSAGE, *options)
        wait_until(lambda: is_closed(server), "the server knows within a second")

    yield turn_on
    maintenance.end(server.data_root)
    wait_until(lambda: not is_closed(server), "and knows when it is over")


def is_closed(server: WatchedServer) -> bool:
    return b"Maintenance" in page(server)


def page(server: WatchedServer) -> bytes:
    return RestClient(server.url).call("GET", "/", headers={"Accept": "text/html"}).body


def test_a_real_device_shows_the_message_and_syncs_when_it_is_over(
    server: WatchedServer, account: Account, device: Device, close: Close
) -> None:
    close()
    device.add_note("meanwhile", "back")
    with pytest.raises(BackendError) as shown:
        device.sync()
    assert str(shown.value) == SHOWN
    with pytest.raises(BackendError) as shown:
        sync_media(device)
    assert str(shown.value) == SHOWN
    server.control("maintenance", "off")
    wait_until(lambda: not is_closed(server), "it is over")
    assert device.sync() == NO_CHANGES
    assert server.notes(account) == ["meanwhile", "one"]


@pytest.mark.parametrize("anki", OLD_ANKIS, ids=lambda anki: anki.version)
def test_an_old_client_shows_the_message(
    anki: OldAnki, server: WatchedServer, account: Account, close: Close, tmp_path: Path
) -> None:
    try:
        old = OldClient(anki, tmp_path / "old", server.url).login(account)
    except NotInstallable as problem:
        pytest.skip(str(problem))
    try:
        close()
        for step in (old.sync, old.upload, old.sync_media):
            with pytest.raises(OldClientError) as shown:
                step()
            assert SHOWN in shown.value.text, step
    finally:
        old.close()


def test_who_uploads_a_large_collection_sees_the_message_too(
    account: Account, new_device: NewDevice, close: Close
) -> None:
    device = new_device(account)
    device.add_notes([[os.urandom(100_000).hex()] for _ in range(60)])
    close()
    with pytest.raises(BackendError) as shown:
        device.upload()
    assert str(shown.value) == SHOWN


def test_everything_else_is_told_to_come_back(
    server: WatchedServer, account: Account, close: Close
) -> None:
    client = RawClient(server.url).login(account)
    program = RestClient(server.url, server.new_token(account))
    close()
    for method in ("hostKey", "start", "download"):
        reply = client.call(method)
        assert (reply.status, reply.headers["retry-after"]) == (503, "300"), method
    assert client.send("upload", b"x").body == SHOWN.encode()
    refused = program.call("GET", "/api/v1/decks")
    assert (refused.status, refused.problem) == (503, "busy")
    assert refused.headers["retry-after"] == "300"
    assert refused.json["detail"] == MESSAGE
    assert program.call("POST", "/ankiconnect", {"action": "version"}).status == 503
    assert SHOWN.encode() in page(server)
    assert server.answers(), "/health is about the process"


def test_a_sync_in_progress_may_finish(
    server: WatchedServer, account: Account, device: Device, close: Close
) -> None:
    client = RawClient(server.url).login(account)
    told = client.expect("meta", META)
    client.expect("start", {"minUsn": told["usn"], "lnewer": True, "graves": None})
    close()
    client.expect("applyChanges", {"changes": NO_CHANGES_SENT})
    client.expect("chunk")
    client.expect("finish")
    assert client.call("start", {"minUsn": 0, "lnewer": True, "graves": None}).status == 503


def test_it_outlives_the_server(
    server: WatchedServer, account: Account, device: Device, close: Close
) -> None:
    close()
    server.stop()
    server.start()
    with pytest.raises(BackendError, match="Back at 8 pm"):
        device.sync()


def test_it_ends_by_itself_at_the_time_that_was_said(
    server: WatchedServer, account: Account, new_device: NewDevice, close: Close
) -> None:
    device = new_device(account)
    close()
    maintenance.begin(server.data_root, MESSAGE, datetime.now(timezone.utc) + timedelta(seconds=8))

    def says_when() -> bool:
        reply = RawClient(server.url).call("hostKey")
        return 1 <= int(reply.headers.get("retry-after", 0)) <= 8

    wait_until(says_when, "the end is known")
    wait_until(lambda: not is_closed(server), "its time is over")
    assert device.sync() == FULL_UPLOAD


def test_the_operator_sees_and_the_log_tells(server: WatchedServer, close: Close) -> None:
    assert server.control("maintenance", "status") == "maintenance is off\n"
    before, ended = (len(server.events(f"maintenance_{what}")) for what in ("started", "ended"))
    close("--until", "2100-01-01T20:00+00:00")
    told = json.loads(server.control("maintenance", "status", "--json"))
    assert (told["on"], told["message"]) == (True, MESSAGE)
    assert told["until"] == "2100-01-01T20:00:00+00:00"
    assert len(server.events("maintenance_started")) == before + 1
    assert server.control("maintenance", "off") == "maintenance is off\n"
    assert server.control("maintenance", "off") == "maintenance was not on\n"
    wait_until(lambda: len(server.events("maintenance_ended")) > ended, "the log tells")


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clocks here go back by an hour in the night to 25 October 2026, and forward on 28 March."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    ("typed", "now", "meant"),
    [
        ("20:00", "2026-11-21T18:00:00+01:00", "2026-11-21T20:00:00+01:00"),
        ("20:00", "2026-11-21T20:00:00+01:00", "2026-11-22T20:00:00+01:00"),
        ("20:00", "2026-10-24T21:00:00+02:00", "2026-10-25T20:00:00+01:00"),
        ("20:00", "2027-03-27T21:00:00+01:00", "2027-03-28T20:00:00+02:00"),
        # An hour of somewhere else, where it may be another day.
        ("20:00+00:00", "2026-11-22T00:30:00+01:00", "2026-11-22T20:00:00+00:00"),
        ("23:45+00:00", "2026-11-22T00:30:00+01:00", "2026-11-21T23:45:00+00:00"),
        ("2026-11-30T20:00", "2026-11-21T18:00:00+01:00", "2026-11-30T20:00:00+01:00"),
    ],
)
def test_until_is_the_next_time_that_clocks_show_it(typed: str, now: str, meant: str) -> None:
    moment = end_of_maintenance(typed, datetime.fromisoformat(now))
    assert moment == datetime.fromisoformat(meant)


@pytest.mark.parametrize("content", [b"", b"{", b'{"message": 5}', b'{"message":"x","since":"no"}'])
def test_any_file_of_that_name_is_a_notice(content: bytes, tmp_path: Path) -> None:
    (tmp_path / maintenance.FILE_NAME).write_bytes(content)
    with pytest.raises(UnderMaintenance, match="being worked on"):
        Maintenance(tmp_path).check()


def test_a_sync_in_progress_is_let_go_on_for_a_bounded_time_only(tmp_path: Path) -> None:
    long_ago = datetime.now(timezone.utc) - maintenance.GRACE
    notice = f'{{"message":"m","since":"{long_ago.isoformat()}"}}'
    (tmp_path / maintenance.FILE_NAME).write_text(notice)
    with pytest.raises(UnderMaintenance):
        Maintenance(tmp_path).check(goes_on=True)
    maintenance.begin(tmp_path, "m", None)
    Maintenance(tmp_path).check(goes_on=True)
