"""How often a user may ask: real clients never meet the limit, and whoever does is told why."""

import time

import pytest
from anki.errors import BackendError

from tests.limits.conftest import NewDevice
from tests.support.accounts import Account
from tests.support.device import FULL_UPLOAD, NO_CHANGES, Device
from tests.support.faults_server import WatchedServer
from tests.support.media_device import sync_media
from tests.support.raw_client import RawClient
from tests.support.rest_client import RestClient

ALLOWED = 40
WINDOW = 60
OPTIONS = {"requests_per_user": ALLOWED, "request_window": WINDOW}
SENTENCE = f"more than {ALLOWED} requests within {WINDOW} seconds"


def use_all_up(client: RawClient) -> None:
    for _ in range(2 * ALLOWED):
        if client.call("abort").status == 503:
            return
    pytest.fail("the limit is never reached")


@pytest.fixture
def client(server: WatchedServer, account: Account) -> RawClient:
    """A client of the account."""
    return RawClient(server.url).login(account)


def test_a_device_is_told_in_words(client: RawClient, device: Device) -> None:
    use_all_up(client)
    with pytest.raises(BackendError, match=SENTENCE):
        device.sync()
    with pytest.raises(BackendError, match=SENTENCE):
        device.upload()
    with pytest.raises(BackendError, match=SENTENCE):
        sync_media(device)


def test_what_has_no_place_for_words_gets_503_and_when_to_come_back(client: RawClient) -> None:
    use_all_up(client)
    reply = client.call("download")
    assert reply.status == 503
    assert 1 <= int(reply.headers["retry-after"]) <= WINDOW


def test_a_program_gets_429_and_when_to_come_back(
    server: WatchedServer, account: Account, client: RawClient
) -> None:
    use_all_up(client)
    reply = RestClient(server.url, server.new_token(account)).call("GET", "/api/v1/decks")
    assert (reply.status, reply.problem) == (429, "throttled")
    assert 1 <= int(reply.headers["retry-after"]) <= WINDOW
    assert SENTENCE in reply.json["detail"]


def test_another_user_is_not_concerned(
    server: WatchedServer, client: RawClient, new_device: NewDevice
) -> None:
    use_all_up(client)
    other = new_device(server.new_account())
    assert other.sync() == FULL_UPLOAD
    other.upload()


def test_after_the_time_that_was_said_it_goes_on(client: RawClient, device: Device) -> None:
    use_all_up(client)
    reply = client.call("abort")
    # Several, for all the requests of a sync.
    time.sleep(int(reply.headers["retry-after"]) * 12)
    device.add_note("afterwards", "back")
    assert device.sync() == NO_CHANGES


def test_the_log_says_it_once(server: WatchedServer, account: Account, client: RawClient) -> None:
    use_all_up(client)
    for _ in range(5):
        client.call("abort")
    told = [one for one in server.events("limit_reached") if one["user"] == account.name]
    assert [one["limit"] for one in told] == ["requests_per_user"]
    refused = [
        one
        for one in server.events("request")
        if one.get("user") == account.name and one["status"] == 503
    ]
    assert all(one["cause"].startswith("requests_per_user") for one in refused)
