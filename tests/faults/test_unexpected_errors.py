"""What nobody foresaw: a bare 500 with a number that finds the rest in the log."""

import shutil

import pytest

from tests.faults.conftest import NewClient
from tests.support.accounts import Account
from tests.support.faults_server import WatchedServer
from tests.support.faults_sync import FIRST_NOTES, FirstCollection, WatchedClient, log_in, upload
from tests.support.raw_client import RawReply

OPTIONS = {"sync_wait": 2, "idle_close": 1}

META = {"v": 11, "cv": "test"}
START = {"minUsn": 0, "lnewer": True, "graves": None}


@pytest.fixture
def damaged(server: WatchedServer, account: Account) -> Account:
    """An account whose stored file was destroyed, as by a broken disk."""
    stored = server.stored_collection(account)
    stored.write_bytes(stored.read_bytes()[:5000] + b"damage" * 1000)
    return account


def assert_tells_a_number_only(server: WatchedServer, reply: RawReply) -> None:
    assert reply.status == 500
    words, number = reply.body.decode().rsplit(maxsplit=1)
    assert words == "Server error"
    (failure,) = (
        event for event in server.events("request_failed") if event["request_id"] == number
    )
    assert failure["level"] == "error"
    assert failure["exception"], "the log tells what happened"


def test_what_nobody_foresaw_is_answered_with_a_number_only(
    server: WatchedServer,
    damaged: Account,
    client: WatchedClient,
) -> None:
    # Nobody calls it without `meta`, which would have told of the damage.
    assert_tells_a_number_only(server, client.call("start", START))


def test_no_secret_gets_into_the_log_with_a_traceback(
    server: WatchedServer, damaged: Account, client: WatchedClient
) -> None:
    client.call("start", START)
    assert client.host_key not in server.log()
    server.secrets.assert_not_in_log(server.log())


def test_other_people_go_on(
    server: WatchedServer,
    damaged: Account,
    new_client: NewClient,
    first_collection: FirstCollection,
) -> None:
    new_client().call("meta", META)
    other = server.new_account()
    upload(log_in(server, other), first_collection.path)
    assert server.notes(other) == FIRST_NOTES


def test_an_upload_mends_it(
    server: WatchedServer,
    damaged: Account,
    client: WatchedClient,
    first_collection: FirstCollection,
) -> None:
    client.call("meta", META)
    upload(client, first_collection.path)
    assert client.expect("meta", META)["empty"] is False
    assert server.notes(damaged) == FIRST_NOTES


def test_a_folder_that_vanished_starts_anew_and_nothing_is_left_half_way(
    server: WatchedServer, account: Account, client: WatchedClient
) -> None:
    shutil.rmtree(server.user_folder(account))
    assert client.expect("meta", META)["empty"] is True
    assert server.notes(account) == []
