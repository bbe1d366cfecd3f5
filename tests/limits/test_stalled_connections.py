"""Connections that stand still: of one address or one user, they stop nobody else."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.limits.conftest import NewDevice, Stall
from tests.support.accounts import Account
from tests.support.device import FULL_DOWNLOAD, FULL_UPLOAD, NO_CHANGES
from tests.support.faults_connection import HandMadeRequest
from tests.support.faults_server import WatchedServer, wait_until
from tests.support.raw_client import RawClient, compressed_pieces
from tests.support.rest_client import RestClient

# More than the 256 threads and the 64 places of an address.
MANY = 300
OPTIONS = {"login_failures_per_account": 10_000, "login_failures_per_address": 10_000}
META = b'{"v":11,"cv":"test"}'
CHUNKED = {"transfer-encoding": "chunked"}
LOGIN = {"u": "nobody", "p": "wrong"}


@pytest.fixture(autouse=True)
def _room_again(server: WatchedServer) -> Iterator[None]:
    """What one test leaves behind must not be in the way of the next one."""
    yield
    client = RawClient(server.url)
    wait_until(lambda: client.call("hostKey", LOGIN).status == 403, "the address has room again")


def assert_others_sync(server: WatchedServer, new_device: NewDevice) -> None:
    """Sync two devices of somebody else from nothing to the end."""
    other = server.new_account()
    laptop = new_device(other)
    assert laptop.sync() == FULL_UPLOAD
    laptop.upload()
    note = laptop.add_note("meanwhile", "back")
    assert laptop.sync() == NO_CHANGES
    phone = new_device(other)
    phone.download()
    assert phone.sync() in (NO_CHANGES, FULL_DOWNLOAD)
    assert phone.has_note(note)


def told_of_users(server: WatchedServer) -> list[dict[str, Any]]:
    """Return what the log says of users at their limit."""
    events = server.events("limit_reached")
    return [event for event in events if event["limit"] == "max_requests_per_user"]


def test_a_users_stalled_uploads_leave_room_for_others(
    server: WatchedServer, account: Account, stall: Stall, new_device: NewDevice
) -> None:
    client = RawClient(server.url).login(account)
    begun = [stall(client) for _ in range(MANY)]
    try:
        wait_until(lambda: told_of_users(server), "the user is at the limit")
        assert_others_sync(server, new_device)
        assert server.answers()
        (told,) = told_of_users(server)
        assert told["user"] == account.name
        assert told["remedy"]
    finally:
        for request in begun:
            request.cut()


def test_the_user_can_sync_again_as_soon_as_they_end(
    server: WatchedServer, stall: Stall, new_device: NewDevice
) -> None:
    account = server.new_account()
    client = RawClient(server.url).login(account)
    begun = [stall(client) for _ in range(40)]

    def is_at_the_limit() -> bool:
        # Of many that come at once some may have been refused for their address.
        begun.append(stall(client))
        return client.call("abort").status == 503

    wait_until(is_at_the_limit, "the user is at the limit")
    for request in begun:
        request.cut()
    wait_until(lambda: client.call("abort").status == 200, "the places are free")
    device = new_device(account)
    assert device.sync() == FULL_UPLOAD


@pytest.mark.parametrize("what", ["a login", "an old client's form", "a call of the API"])
def test_stalled_requests_of_nobody_leave_room_for_others(
    what: str, server: WatchedServer, new_device: NewDevice
) -> None:
    begun = []
    for _ in range(MANY):
        request = HandMadeRequest(server.port)
        if what == "a login":
            request.sync_head(RawClient(server.url), "hostKey")
        elif what == "an old client's form":
            kind = "multipart/form-data; boundary=x"
            request.head("/sync/start", {"content-type": kind, "transfer-encoding": "chunked"})
        else:
            request.head("/api/v1/login", {"content-type": "application/json"} | CHUNKED)
        request.piece(b"{")
        begun.append(request)
    refused = [request for request in begun if request.answered(0.5)]
    assert refused, "those beyond the limit of the address are refused at once"
    assert refused[0].answer()[0] == 503
    assert server.answers()
    for request in begun:
        request.cut()
    wait_until(lambda: RawClient(server.url).call("hostKey", LOGIN).status == 403, "room again")
    assert_others_sync(server, new_device)


def test_who_is_logged_in_syncs_while_the_address_is_at_its_limit(
    server: WatchedServer, account: Account, new_device: NewDevice
) -> None:
    device = new_device(account)
    assert device.sync() == FULL_UPLOAD
    device.upload()
    begun = []
    for _ in range(MANY):
        request = HandMadeRequest(server.port)
        request.sync_head(RawClient(server.url), "hostKey")
        request.piece(b"\x28")
        begun.append(request)
    wait_until(
        lambda: RawClient(server.url).call("hostKey", LOGIN).status == 503, "the limit is reached"
    )
    device.add_note("meanwhile", "back")
    assert device.sync() == NO_CHANGES
    assert server.notes(account) == ["meanwhile", "one"]
    for request in begun:
        request.cut()


def test_connections_without_a_request_leave_room_for_others(
    server: WatchedServer, new_device: NewDevice
) -> None:
    resting = [HandMadeRequest(server.port) for _ in range(MANY)]
    assert server.answers()
    assert_others_sync(server, new_device)
    for connection in resting:
        connection.cut()


def test_a_refused_request_is_told_why_before_it_is_hung_up_on(
    server: WatchedServer, account: Account, stall: Stall
) -> None:
    client = RawClient(server.url).login(account)

    def at_the_limit() -> bool:
        # The question takes a place as well, for which one that should stall may be refused.
        stall(client)
        return client.call("abort").status == 503

    wait_until(at_the_limit, "the user is at the limit")
    with HandMadeRequest(server.port) as request:
        request.sync_head(client, "start")
        request.piece(b"".join(compressed_pieces(META)))
        request.end()
        status, headers, body = request.answer()
    assert status == 503
    assert int(headers["retry-after"]) > 0
    assert b"more than 16 requests at once" in body
    # What has a place for words says it there.
    answer = client.expect("meta", {"v": 11, "cv": "test"})
    assert answer["cont"] is False
    assert "more than 16 requests at once" in answer["msg"]
    upload = client.send("upload", b"anything")
    assert (upload.status, b"at once" in upload.body) == (200, True)
    program = RestClient(server.url, server.new_token(account))
    reply = program.call("GET", "/api/v1/decks")
    assert (reply.status, reply.problem) == (503, "busy")
    assert int(reply.headers["retry-after"]) > 0
